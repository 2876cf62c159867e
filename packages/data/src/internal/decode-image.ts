import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import type { DecodeSettings } from '../image-source.js';
import {
  CENTRE,
  copyCrop,
  haveSameProportions,
  planCrop,
  type CropDraws,
  type CropSettings,
  type Pixels2D,
} from './crop.js';
import { nearestCrop } from './resample.js';

/** Channels of every image that comes from a file. */
export const FILE_CHANNELS = 3;

/** Why a file cannot be used; becomes part of a skip list or of a `DataError`. */
export class UnusableImage extends Error {}

/** A scaled image this many times larger than the crop is very long and thin: it is cut before it is scaled. */
const LONG_IMAGE = 64;

/** Throws `UnusableImage` unless the bytes begin like a PNG, JPEG or WebP; an SVG named .png is never opened. */
export function assertImageSignature(head: Uint8Array): void {
  if (head.length === 0) throw new UnusableImage('the file is empty');
  const text = (from: number, to: number): string => String.fromCharCode(...head.subarray(from, to));
  const isPng = text(0, 8) === '\x89PNG\r\n\x1a\n';
  const isJpeg = text(0, 3) === '\xff\xd8\xff';
  const isWebP = text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP';
  if (!isPng && !isJpeg && !isWebP)
    throw new UnusableImage('it is not a PNG, JPEG or WebP image, whatever its name says');
}

/** The image as libvips sees it; of an animation, the first frame. `imageSize` checks the number of pixels. */
function openPixels(input: Uint8Array | string, { failOn }: DecodeSettings): Sharp {
  return sharp(input, { failOn, limitInputPixels: false });
}

/** `[height, width]` after the camera's rotation, from the header. */
async function imageSize(image: Sharp, { maximumPixels }: DecodeSettings): Promise<[height: number, width: number]> {
  // libvips keeps its messages in one place for all threads, so they may belong to another file: none is passed on.
  const { autoOrient } = await image.metadata().catch((cause: unknown) => {
    throw new UnusableImage('its header is damaged', { cause });
  });
  const { height, width } = autoOrient;
  if (height * width > maximumPixels) {
    throw new UnusableImage(`it has ${height * width} pixels, more than ${maximumPixels}`);
  }
  return [height, width];
}

/** Height and width of a file from its first bytes, without decoding it. @throws {UnusableImage} */
export function readImageSize(file: string, settings: DecodeSettings): Promise<[height: number, width: number]> {
  return imageSize(openPixels(file, settings), settings);
}

/** Where the crop of a file lies. */
export interface DecodeCrop {
  readonly crop: CropSettings;
  readonly draws: CropDraws;
  /** Size of the image that this one belongs to, by which its crop is planned. */
  readonly original?: Pixels2D;
}

/**
 * Reads one file, writes its crop, `[height, width, 3]` in [0, 1], at `outputOffset`, and gives the size of the whole. Grey,
 * palette, CMYK, 16-bit and transparent images become 8-bit sRGB, the camera's rotation is applied. libvips resizes (Lanczos;
 * cubic when enlarging) where that is to be smooth; its nearest neighbour lies up to half a step off when it shrinks a lot. The
 * whole image is decoded wherever the crop lies, so that damage anywhere in it is found every time.
 * @throws {UnusableImage}
 */
export async function decodeImage(
  file: string,
  settings: DecodeSettings,
  { crop, draws, original }: DecodeCrop,
  output: Float32Array,
  outputOffset: number,
): Promise<Pixels2D> {
  const bytes = await readFile(file).catch((cause: Error) => {
    throw new UnusableImage(cause.message, { cause });
  });
  assertImageSignature(bytes);
  const image = openPixels(bytes, settings);
  const [height, width] = await imageSize(image, settings);
  const [cropHeight, cropWidth] = crop.imageSize;
  if (settings.strict && (height < cropHeight || width < cropWidth)) {
    throw new UnusableImage(
      `it is ${height}x${width}, smaller than the crop ${cropHeight}x${cropWidth} (height x width)`,
    );
  }
  if (original && !haveSameProportions(original, [height, width])) {
    throw new UnusableImage(`it is ${height}x${width}, of other proportions than ${original[0]}x${original[1]}`);
  }
  const plan = planCrop(original ?? [height, width], crop, draws);
  const { scaledHeight, scaledWidth } = plan;
  image.autoOrient().flatten({ background: settings.background });
  const isNearest = settings.resampling === 'nearest';
  const isLong = !isNearest && scaledHeight * scaledWidth > LONG_IMAGE * crop.resizeTo[0] * crop.resizeTo[1];
  if (isLong) {
    const rows = windowOf(plan.top, cropHeight, scaledHeight, height);
    const columns = windowOf(plan.left, cropWidth, scaledWidth, width);
    image.extract({ top: rows.from, height: rows.count, left: columns.from, width: columns.count });
    image.resize(cropWidth, cropHeight, { fit: 'fill' });
  } else if (!isNearest) {
    image.resize(scaledWidth, scaledHeight, { fit: 'fill' });
  }
  image.toColourspace('srgb').raw({ depth: 'uchar' });
  const { data, info } = await image.toBuffer({ resolveWithObject: true }).catch((cause: unknown) => {
    throw new UnusableImage('it is damaged or cut short', { cause });
  });
  if (info.channels !== FILE_CHANNELS) {
    throw new UnusableImage(`it decodes to ${info.channels} channels instead of ${FILE_CHANNELS}`);
  }
  const { flip } = draws;
  if (isNearest) {
    nearestCrop(data, 0, [height, width], FILE_CHANNELS, plan, crop.imageSize, flip, output, outputOffset);
  } else {
    const position = isLong ? { top: 0, left: 0 } : plan;
    copyCrop(data, 0, info.width, FILE_CHANNELS, position, crop.imageSize, flip, output, outputOffset);
  }
  return [height, width];
}

/** Decodes the whole file and drops the pixels. @throws {UnusableImage} */
export async function checkPixels(file: string, settings: DecodeSettings): Promise<void> {
  const crop = { imageSize: [8, 8], resizeTo: [8, 8] } as const;
  const output = new Float32Array(8 * 8 * FILE_CHANNELS);
  await decodeImage(file, { ...settings, strict: false }, { crop, draws: CENTRE }, output, 0);
}

/** The stretch of the original that a stretch of the scaled image comes from. */
function windowOf(from: number, count: number, scaled: number, original: number): { from: number; count: number } {
  const begin = Math.min(original - 1, Math.floor((from * original) / scaled));
  return { from: begin, count: Math.max(1, Math.min(original - begin, Math.round((count * original) / scaled))) };
}
