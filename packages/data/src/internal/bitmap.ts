import { UnusableImageError } from '@vitvq/core';
import type { Pixels2D } from './crop-region.js';
import type { Raster } from './raster.js';

/** Header of an uncompressed BMP. */
interface BitmapHeader {
  readonly height: number;
  readonly width: number;
  /** Whether the first row of pixels is the lowest one. */
  readonly isBottomUp: boolean;
  readonly bitsPerPixel: number;
  /** Position of the first pixel. */
  readonly pixels: number;
  /** Position, number and bytes of the colours of the palette. */
  readonly palette: { readonly offset: number; readonly count: number; readonly stride: number };
  /** Bits of red, green and blue in a pixel of 16 or 32 bits. */
  readonly masks: readonly [number, number, number];
}

/** Bytes of the header of the file and of the oldest header of an image. */
const FILE_HEADER = 14;
const CORE_HEADER = 12;

/** Bits of 16-bit pixels where the file names none: five of each colour. */
const MASKS_16 = [0x7c00, 0x03e0, 0x001f] as const;
const MASKS_32 = [0xff0000, 0xff00, 0xff] as const;

/** Returns `[height, width]` from the first 32 bytes of a BMP. @throws {UnusableImageError} */
export function bitmapSize(bytes: Uint8Array): Pixels2D {
  const view = viewOf(bytes);
  if (view.byteLength < FILE_HEADER + CORE_HEADER) throw damaged();
  const isCore = view.getUint32(14, true) === CORE_HEADER;
  const width = isCore ? view.getUint16(18, true) : view.getInt32(18, true);
  const height = Math.abs(isCore ? view.getUint16(20, true) : view.getInt32(22, true));
  if (width < 1 || height < 1) throw damaged();
  return [height, width];
}

/**
 * Decodes an uncompressed BMP of 1, 4, 8, 16, 24 or 32 bits a pixel to RGB. libvips reads no BMP.
 * The caller has checked the number of pixels.
 * @throws {UnusableImageError}
 */
export function decodeBitmap(bytes: Uint8Array): Raster & { readonly channels: 3 } {
  const view = viewOf(bytes);
  const header = parseHeader(view);
  const { height, width, isBottomUp, bitsPerPixel, pixels: begin } = header;
  const stride = Math.ceil((width * bitsPerPixel) / 32) * 4;
  if (begin + stride * height > bytes.length) throw new UnusableImageError('it is damaged or cut short');
  const writePixel = pixelWriter(view, header);
  const pixels = new Uint8Array(height * width * 3);
  for (let row = 0; row < height; row++) {
    const line = begin + stride * (isBottomUp ? height - 1 - row : row);
    for (let column = 0; column < width; column++) writePixel(line, column, pixels, (row * width + column) * 3);
  }
  return { pixels, height, width, channels: 3 };
}

function parseHeader(view: DataView): BitmapHeader {
  const [height, width] = bitmapSize(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  const headerSize = view.getUint32(14, true);
  const isCore = headerSize === CORE_HEADER;
  if (!isCore && (headerSize < 40 || view.byteLength < FILE_HEADER + 40)) throw damaged();
  const bitsPerPixel = view.getUint16(isCore ? 24 : 28, true);
  const compression = isCore ? 0 : view.getUint32(30, true);
  const hasMasks = compression === 3 || compression === 6;
  if (compression !== 0 && !hasMasks) throw new UnusableImageError('it is a compressed BMP, which is not read');
  if (hasMasks && view.byteLength < 66) throw damaged();
  const named = [54, 58, 62].map((at) => (hasMasks ? view.getUint32(at, true) : 0)) as [number, number, number];
  const masks = hasMasks ? named : bitsPerPixel === 16 ? MASKS_16 : MASKS_32;
  const colours = isCore ? 0 : view.getUint32(46, true);
  const most = bitsPerPixel <= 8 ? 2 ** bitsPerPixel : 0;
  return {
    height,
    width,
    isBottomUp: isCore || view.getInt32(22, true) > 0,
    bitsPerPixel,
    pixels: view.getUint32(10, true),
    palette: {
      offset: FILE_HEADER + headerSize + (hasMasks && headerSize === 40 ? 12 : 0),
      count: Math.min(colours || most, most),
      stride: isCore ? 3 : 4,
    },
    masks,
  };
}

/** Writes the colour of a pixel of the row that begins at `line`. */
type PixelWriter = (line: number, column: number, target: Uint8Array, at: number) => void;

function pixelWriter(view: DataView, { bitsPerPixel, palette, masks }: BitmapHeader): PixelWriter {
  switch (bitsPerPixel) {
    case 1:
    case 4:
    case 8: {
      const { offset, count, stride } = palette;
      if (offset + count * stride > view.byteLength) throw damaged();
      return (line, column, target, at) => {
        const bit = column * bitsPerPixel;
        const byte = view.getUint8(line + (bit >> 3));
        const index = (byte >> (8 - bitsPerPixel - (bit & 7))) & (2 ** bitsPerPixel - 1);
        if (index >= count) throw damaged();
        for (let channel = 0; channel < 3; channel++) {
          target[at + channel] = view.getUint8(offset + index * stride + 2 - channel);
        }
      };
    }
    case 24:
      return (line, column, target, at) => {
        for (let channel = 0; channel < 3; channel++) {
          target[at + channel] = view.getUint8(line + column * 3 + 2 - channel);
        }
      };
    case 16:
    case 32: {
      const channels = masks.map(maskReader);
      return (line, column, target, at) => {
        const value =
          bitsPerPixel === 16 ? view.getUint16(line + column * 2, true) : view.getUint32(line + column * 4, true);
        for (let channel = 0; channel < 3; channel++) target[at + channel] = channels[channel]!(value);
      };
    }
    default:
      throw new UnusableImageError(`it is a BMP of ${bitsPerPixel} bits a pixel, which is not read`);
  }
}

/** Returns a function that takes the bits of a mask from a pixel, as a number from 0 to 255. */
function maskReader(mask: number): (value: number) => number {
  const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
  const maximum = mask >>> shift;
  return (value) => (maximum === 0 ? 0 : Math.round((((value & mask) >>> shift) * 255) / maximum));
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function damaged(): UnusableImageError {
  return new UnusableImageError('its header is damaged');
}
