import type { HostImages } from '@vitvq/core';
import type { Picture } from '@vitvq/training';

/** A grid about as wide as high; values beyond [0, 1] are cut off, one channel is grey. */
export function samplePicture({ data: values, shape }: HostImages): Picture {
  const [count, height, width, channels] = shape;
  const columns = Math.ceil(Math.sqrt(count));
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
  return { name: 'samples', width: columns * width, height: rows * height, data };
}
