import { ShapeError } from '@vitvq/core';
import type { ReconstructionFacts } from '../report-facts.js';

/**
 * Returns one caption for each image: its name and its PSNR, as far as they are known.
 * @throws {ShapeError} when their number is not the number of images
 */
export function imageCaptions(
  { originals, names, psnrOfImages }: Pick<ReconstructionFacts, 'originals' | 'names' | 'psnrOfImages'>,
  where: string,
): string[] {
  const [count] = originals.shape;
  for (const [what, values] of Object.entries({ names, 'PSNR values': psnrOfImages })) {
    if (values && values.length !== count) {
      throw new ShapeError({ where, expected: `${count} ${what} for ${count} images`, got: String(values.length) });
    }
  }
  return Array.from({ length: count }, (_, index) =>
    [names?.[index], psnrOfImages && `${psnrOfImages[index]!.toFixed(1)} dB`].filter(Boolean).join(' · '),
  );
}
