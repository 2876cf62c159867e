import { formatShape, maximumSize } from './checks.js';
import { ConfigError } from './errors.js';
import { elementCount } from './host-arrays.js';

/**
 * Returns the values that `make` makes for a tensor, unless no memory could hold them: sizes come
 * from configs and options, which may say anything.
 * @throws {ConfigError} for more than 2^31 - 1 values, and where the system has no memory for them
 */
export function allocate<T>(shape: readonly number[], where: string, make: (size: number) => T): T {
  const refuse = (expected: string, cause?: unknown): never => {
    throw new ConfigError({ where, expected, got: formatShape(shape), fix: 'Choose smaller sizes.' }, { cause });
  };
  const size = elementCount(shape);
  if (!(size <= maximumSize)) return refuse(`a tensor of at most ${maximumSize} values`);
  try {
    return make(size);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return refuse('a tensor that fits into memory', error);
  }
}
