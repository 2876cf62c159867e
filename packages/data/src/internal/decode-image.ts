import { DataError, UnusableImageError, type EncodedImage } from '@vitvq/core';
import { InputFile } from '@vitvq/files';
import sharp, { type Sharp } from 'sharp';
import { bitmapSize, decodeBitmap } from './bitmap.js';
import type { DecodeSettings } from './complete-source.js';
import { CENTER, cropRegion, type CropRegion, type CropRequest, type Pixels2D } from './crop-region.js';
import { imageFormat, SIGNATURE_BYTES } from './image-format.js';
import { copyRegion, nearestRegion, type Raster, type RasterView } from './raster.js';

/** Channels of every decoded image. */
export const DECODED_CHANNELS = 3;

/**
 * An image whose scaled size is this many times `resizeTo` is very long and thin: it is cut before
 * it is scaled.
 */
const LONG_IMAGE = 64;

/**
 * Opens an image in libvips; of an animation, the first frame. `sizeOf` checks the number of
 * pixels.
 */
function openPixels(input: Uint8Array | string, { failOn }: DecodeSettings): Sharp {
  return sharp(input, { failOn, limitInputPixels: false });
}

/**
 * Opens an image of any format that is read, upright; libvips knows all but BMP.
 * @throws {UnusableImageError}
 */
function openImage(bytes: Uint8Array, settings: DecodeSettings): Sharp {
  if (imageFormat(bytes) !== 'bmp') return openPixels(bytes, settings).autoOrient();
  checkedSize(bitmapSize(bytes), settings);
  const { pixels, height, width, channels } = decodeBitmap(bytes);
  return sharp(pixels, { raw: { height, width, channels }, limitInputPixels: false });
}

/**
 * Returns `[height, width]` after the camera's rotation, from the header.
 * @throws {UnusableImageError}
 */
async function sizeOf(image: Sharp, settings: DecodeSettings): Promise<Pixels2D> {
  // libvips keeps its messages in one place for all threads, so they may belong to another file:
  // none is passed on.
  const { autoOrient } = await image.metadata().catch((cause: unknown) => {
    throw new UnusableImageError('its header is damaged', { cause });
  });
  return checkedSize([autoOrient.height, autoOrient.width], settings);
}

/** @throws {UnusableImageError} for too many pixels */
function checkedSize([height, width]: Pixels2D, { maximumPixels }: DecodeSettings): Pixels2D {
  if (height * width > maximumPixels) {
    throw new UnusableImageError(`it has ${height * width} pixels, more than ${maximumPixels}`);
  }
  return [height, width];
}

/**
 * Returns height and width of a file from its first bytes, without decoding it.
 * @throws {UnusableImageError}
 */
export async function readImageSize(file: string, settings: DecodeSettings): Promise<Pixels2D> {
  const head = await readPart(file, settings, SIGNATURE_BYTES);
  if (imageFormat(head) === 'bmp') return checkedSize(bitmapSize(head), settings);
  return sizeOf(openPixels(file, settings), settings);
}

/**
 * Decodes one image, writes its crop, and returns the size of the whole image. Grey, palette, CMYK,
 * 16-bit and transparent images become 8-bit sRGB, and the camera's rotation is applied. Where
 * `resampling` is `smooth`, libvips resizes (Lanczos; cubic when enlarging). Where it is `nearest`,
 * this package resizes: the nearest neighbor of libvips lies up to half a step off when it shrinks
 * a lot. The whole image is decoded wherever the crop lies, so that damage anywhere in it is found
 * every time.
 * @throws {UnusableImageError}
 */
export async function decodeImage(
  encoded: EncodedImage,
  settings: DecodeSettings,
  request: CropRequest,
  target: RasterView,
): Promise<Pixels2D> {
  const bytes = 'file' in encoded ? await readWhole(encoded.file, settings) : encoded.bytes;
  assertImageBytes(bytes.length, settings);
  const image = openImage(bytes, settings);
  const [height, width] = await sizeOf(image, settings);
  const region = cropRegion([height, width], request);
  const isNearest = settings.resampling === 'nearest';
  // In the image as libvips returns it.
  const returned = isNearest ? region : resizeInLibvips(image, [height, width], region, request);
  (isNearest ? nearestRegion : copyRegion)(await toRgb(image, settings), returned, target);
  return [height, width];
}

/** Turns what libvips has been asked for into 8-bit sRGB without transparency. */
async function toRgb(image: Sharp, { background }: DecodeSettings): Promise<Raster> {
  image.flatten({ background }).toColourspace('srgb').raw({ depth: 'uchar' });
  const { data, info } = await image.toBuffer({ resolveWithObject: true }).catch((cause: unknown) => {
    throw new UnusableImageError('it is damaged or cut short', { cause });
  });
  if (info.channels !== DECODED_CHANNELS) {
    throw new UnusableImageError(`it decodes to ${info.channels} channels instead of ${DECODED_CHANNELS}`);
  }
  return { pixels: data, height: info.height, width: info.width, channels: DECODED_CHANNELS };
}

/**
 * Decodes a whole image at its own size, as `decodeImage` decodes it.
 * @throws {UnusableImageError}
 */
export async function decodeWhole(encoded: EncodedImage, settings: DecodeSettings): Promise<Raster> {
  const bytes = 'file' in encoded ? await readWhole(encoded.file, settings) : encoded.bytes;
  assertImageBytes(bytes.length, settings);
  const image = openImage(bytes, settings);
  await sizeOf(image, settings);
  return toRgb(image, settings);
}

/** Decodes the whole file and drops the pixels. @throws {UnusableImageError} */
export async function checkPixels(file: string, settings: DecodeSettings): Promise<void> {
  const crop = { imageSize: [8, 8], resizeTo: [8, 8] } as const;
  const target = { data: new Float32Array(8 * 8 * DECODED_CHANNELS), offset: 0 };
  await decodeImage({ file }, settings, { crop, draws: CENTER, strict: false }, target);
}

function readWhole(file: string, settings: DecodeSettings): Promise<Uint8Array> {
  return readPart(file, settings, Infinity);
}

async function readPart(file: string, settings: DecodeSettings, most: number): Promise<Uint8Array> {
  try {
    const input = await InputFile.open(file, 'an image');
    try {
      assertImageBytes(input.size, settings);
      return await input.read(0, Math.min(input.size, most));
    } finally {
      await input.close();
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new UnusableImageError(`it cannot be read: ${error.got}`, { cause: error });
  }
}

function assertImageBytes(bytes: number, { maximumBytes }: DecodeSettings): void {
  if (bytes > maximumBytes) throw new UnusableImageError(`it has ${bytes} bytes, more than ${maximumBytes}`);
}

/**
 * Asks libvips to scale, and of a very long image to scale the crop only. Returns the region in
 * what libvips returns.
 */
function resizeInLibvips(
  image: Sharp,
  [height, width]: Pixels2D,
  region: CropRegion,
  { crop: { resizeTo } }: CropRequest,
): CropRegion {
  const { scaledHeight, scaledWidth } = region;
  if (scaledHeight * scaledWidth <= LONG_IMAGE * resizeTo[0] * resizeTo[1]) {
    image.resize(scaledWidth, scaledHeight, { fit: 'fill' });
    return region;
  }
  const rows = windowOf(region.top, region.height, scaledHeight, height);
  const columns = windowOf(region.left, region.width, scaledWidth, width);
  image.extract({ top: rows.from, height: rows.count, left: columns.from, width: columns.count });
  image.resize(region.width, region.height, { fit: 'fill' });
  return { ...region, top: 0, left: 0 };
}

/** The stretch of the original that a stretch of the scaled image comes from. */
function windowOf(from: number, count: number, scaled: number, original: number): { from: number; count: number } {
  const begin = Math.min(original - 1, Math.floor((from * original) / scaled));
  return { from: begin, count: Math.max(1, Math.min(original - begin, Math.round((count * original) / scaled))) };
}
