import { foldIn, randomKey, randomUniform } from '@vitvq/core';

/**
 * Number of waves of each channel: enough for gradients in every direction, none as fine as a
 * pixel.
 */
const waves = 6;

/**
 * Returns smooth pictures, row-major `[count, height, width, channels]` in [0, 1]: each channel is
 * a mean of waves of up to four periods a side. Such pictures are closer to photographs than noise,
 * which no tokenizer reconstructs.
 */
export function syntheticImages(
  count: number,
  { height, width, channels }: { readonly height: number; readonly width: number; readonly channels: number },
  seed: number,
): Float32Array {
  const key = randomKey(seed);
  const images = new Float32Array(count * height * width * channels);
  for (let image = 0; image < count; image++) {
    for (let channel = 0; channel < channels; channel++) {
      const drawn = randomUniform(foldIn(foldIn(key, image), channel), 3 * waves);
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          let sum = 0;
          for (let wave = 0; wave < waves; wave++) {
            const [down, across, phase] = [drawn[3 * wave]!, drawn[3 * wave + 1]!, drawn[3 * wave + 2]!];
            const turns = (4 * down * row) / height + ((8 * across - 4) * column) / width + phase;
            sum += Math.sin(2 * Math.PI * turns);
          }
          images[((image * height + row) * width + column) * channels + channel] = 0.5 + sum / (2 * waves);
        }
      }
    }
  }
  return images;
}
