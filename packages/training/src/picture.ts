import type { HostImages } from '@vitvq/core';

/** Picture for people to look at: RGB, row-major, 8 bits a channel. */
export interface Picture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Draws images side by side, row after row. Values outside [0, 1] are clipped; images with one
 * channel become grey.
 * @param columns  number of images in a row; as wide as high by default
 */
export function drawGrid(
  name: string,
  { data: values, shape }: HostImages,
  columns: number = Math.ceil(Math.sqrt(shape[0])),
): Picture {
  const [count, height, width, channels] = shape;
  const rows = Math.ceil(count / columns);
  const data = new Uint8Array(rows * height * columns * width * 3);
  for (let image = 0; image < count; image++) {
    for (let pixel = 0; pixel < height * width; pixel++) {
      const x = (image % columns) * width + (pixel % width);
      const y = Math.floor(image / columns) * height + Math.floor(pixel / width);
      for (let color = 0; color < 3; color++) {
        const value = values[(image * height * width + pixel) * channels + Math.min(color, channels - 1)]!;
        data[(y * columns * width + x) * 3 + color] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
    }
  }
  return { name, width: columns * width, height: rows * height, data };
}
