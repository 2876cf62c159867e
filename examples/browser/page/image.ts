import type { ExportedImage } from '@vitvq/export';

/**
 * The middle of an image, scaled to the model's size, upright and on white, as a browser decodes
 * it.
 * @returns `[H, W, 3]` in [0, 1]
 * @throws when the browser cannot read it
 */
export async function readPixels(file: Blob, { height, width }: ExportedImage): Promise<Float32Array> {
  const bitmap = await createImageBitmap(file);
  const context = new OffscreenCanvas(width, height).getContext('2d')!;
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  const scale = Math.min(bitmap.width / width, bitmap.height / height);
  const [cropWidth, cropHeight] = [width * scale, height * scale];
  const [left, top] = [(bitmap.width - cropWidth) / 2, (bitmap.height - cropHeight) / 2];
  context.drawImage(bitmap, left, top, cropWidth, cropHeight, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Float32Array(width * height * 3);
  for (let value = 0; value < pixels.length; value++) {
    pixels[value] = data[Math.floor(value / 3) * 4 + (value % 3)]! / 255;
  }
  return pixels;
}

/** Pixels `[H, W, 3]` in [0, 1] as a canvas takes them. */
export function toImageData(pixels: Float32Array, { height, width }: ExportedImage): ImageData {
  const data = new Uint8ClampedArray(width * height * 4).fill(255); // clamps and rounds
  for (const [value, intensity] of pixels.entries()) data[Math.floor(value / 3) * 4 + (value % 3)] = 255 * intensity;
  return new ImageData(data, width, height);
}

/**
 * A picture `[H, W, C]` with the pixels of another one where the tokens have not changed.
 * @param isChanged  asked of the position of each token
 */
export function withUnchanged(
  pixels: Float32Array,
  original: Float32Array,
  { image, grid }: { readonly image: ExportedImage; readonly grid: readonly [number, number] },
  isChanged: (position: number) => boolean,
): Float32Array {
  const { height, width, channels } = image;
  const [rows, columns] = grid;
  return pixels.map((value, index) => {
    const [y, x] = [Math.floor(index / (width * channels)), Math.floor(index / channels) % width];
    const position = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width);
    return isChanged(position) ? value : original[index]!;
  });
}

/**
 * Peak signal-to-noise ratio in decibels, of values in [0, 1]; infinite where both are the same.
 */
export function psnr(a: Float32Array, b: Float32Array): number {
  const squares = a.reduce((sum, value, index) => sum + (value - b[index]!) ** 2, 0);
  return -10 * Math.log10(squares / a.length);
}
