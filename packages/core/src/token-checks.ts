import { DataError } from './errors.js';

/**
 * Checks that every token is an integer in `[0, size)`. Models cannot check this themselves:
 * compiled code does not look at values, and its result for such a token differs between engines.
 * @param shape  shape of the tokens, batch axis first; the error names the position of the first
 *   bad token
 * @throws {DataError} naming the token and its position
 */
export function assertTokensInRange(
  tokens: ArrayLike<number>,
  shape: readonly number[],
  size: number,
  name: string,
  where: string,
): void {
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (Number.isInteger(token) && token >= 0 && token < size) continue;
    const place = shape.map((_, axis) => {
      const stride = shape.slice(axis + 1).reduce((product, dimension) => product * dimension, 1);
      return Math.floor(index / stride) % shape[axis]!;
    });
    throw new DataError({
      where,
      expected: `${name} to be integers in [0, ${size})`,
      got: `${token} at [${place.join(', ')}]`,
      fix: 'Check that the tokens come from the vocabulary that the model was made for.',
    });
  }
}
