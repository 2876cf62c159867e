import { UnusableImageError } from '@vitvq/core';

/** A format of images that is read. */
interface ImageFormat {
  /** Name for people. */
  readonly name: string;
  /** Ends of the names of its files, in lower case. */
  readonly endings: readonly string[];
  /** Returns whether bytes begin like a file of the format. */
  readonly matches: (head: Uint8Array) => boolean;
}

const textOf = (head: Uint8Array, from: number, to: number): string => String.fromCharCode(...head.subarray(from, to));
const begins =
  (...starts: string[]) =>
  (head: Uint8Array): boolean =>
    starts.some((start) => textOf(head, 0, start.length) === start);

/** Brands of the HEIF container in which AVIF images come; others may hold what no decoder has. */
const AVIF_BRANDS = ['avif', 'avis', 'mif1', 'msf1', 'miaf'];

const formats = {
  png: { name: 'PNG', endings: ['.png', '.apng'], matches: begins('\x89PNG\r\n\x1a\n') },
  jpeg: {
    name: 'JPEG',
    endings: ['.jpg', '.jpeg', '.jpe', '.jfif', '.jif', '.pjpeg', '.pjp'],
    matches: begins('\xff\xd8\xff'),
  },
  webp: {
    name: 'WebP',
    endings: ['.webp'],
    matches: (head) => textOf(head, 0, 4) === 'RIFF' && textOf(head, 8, 12) === 'WEBP',
  },
  gif: { name: 'GIF', endings: ['.gif'], matches: begins('GIF87a', 'GIF89a') },
  tiff: { name: 'TIFF', endings: ['.tif', '.tiff'], matches: begins('II*\0', 'MM\0*', 'II+\0', 'MM\0+') },
  avif: {
    name: 'AVIF',
    endings: ['.avif', '.avifs'],
    matches: (head) => textOf(head, 4, 8) === 'ftyp' && AVIF_BRANDS.includes(textOf(head, 8, 12)),
  },
  bmp: { name: 'BMP', endings: ['.bmp', '.dib'], matches: begins('BM') },
} satisfies Record<string, ImageFormat>;

/** Key of a format that is read. */
export type ImageFormatKey = keyof typeof formats;

const rows: readonly [string, ImageFormat][] = Object.entries(formats);

/** Ends of the names of images, in lower case. */
export const EXTENSIONS = rows.flatMap(([, { endings }]) => endings);

/**
 * Ends of the names of files that are images to people and that are not read, in lower case. An SVG
 * is a program that draws, and may ask for other files.
 */
export const UNREAD_EXTENSIONS = [
  '.heic',
  '.heif',
  '.jxl',
  '.jp2',
  '.j2k',
  '.svg',
  '.psd',
  '.tga',
  '.ico',
  '.ppm',
  '.pgm',
  '.pbm',
  '.pnm',
  '.exr',
  '.hdr',
  '.dng',
  '.cr2',
  '.nef',
  '.arw',
];

/** Number of bytes by which the formats are told apart and the size of a BMP is read. */
export const SIGNATURE_BYTES = 32;

/**
 * Returns the format that bytes begin like; an SVG named .png is never opened.
 * @throws {UnusableImageError} where they begin like none that is read
 */
export function imageFormat(head: Uint8Array): ImageFormatKey {
  if (head.length === 0) throw new UnusableImageError('it is empty');
  const found = rows.find(([, { matches }]) => matches(head));
  if (found) return found[0] as ImageFormatKey;
  const names = rows.map(([, { name }]) => name);
  throw new UnusableImageError(
    `it is not a ${names.slice(0, -1).join(', ')} or ${names.at(-1)} image, whatever its name says`,
  );
}
