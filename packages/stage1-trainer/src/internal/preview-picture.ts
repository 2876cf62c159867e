import type { HostImages } from '@vitvq/core';
import type { Picture } from '@vitvq/training';

/** Originals in the upper row, reconstructions below; values beyond [0, 1] are cut off, one channel is grey. */
export function lookPicture(originals: HostImages, reconstructions: HostImages): Picture {
  const [count, height, width, channels] = originals.shape;
  const data = new Uint8Array(2 * height * count * width * 3);
  [originals, reconstructions].forEach(({ data: values }, row) => {
    for (let image = 0; image < count; image++) {
      for (let pixel = 0; pixel < height * width; pixel++) {
        const [y, x] = [row * height + Math.floor(pixel / width), image * width + (pixel % width)];
        for (let color = 0; color < 3; color++) {
          const value = values[(image * height * width + pixel) * channels + Math.min(color, channels - 1)]!;
          data[(y * count * width + x) * 3 + color] = Math.round(255 * Math.min(1, Math.max(0, value)));
        }
      }
    }
  });
  return { name: 'reconstructions', width: count * width, height: 2 * height, data };
}
