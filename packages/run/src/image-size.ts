import { ConfigError } from '@vitvq/core';
import type { VQTokenizer } from '@vitvq/tokenizer';

/**
 * Returns height and width in pixels of a tokenizer's images.
 * @throws {ConfigError} for a tokenizer whose encoder takes any size
 */
export function imageSizeOf({ imageSize }: Pick<VQTokenizer, 'imageSize'>): readonly [number, number] {
  if (imageSize !== undefined) return imageSize;
  throw new ConfigError({
    where: 'the tokenizer',
    expected: 'an encoder for images of one size',
    got: 'one for images of any size',
  });
}
