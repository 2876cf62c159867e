import { platform } from '#platform';
import { engineNames, type EngineName } from './engines/engine-definition.js';
import { CompileError } from './errors.js';
import type { NarrowMethod, Precision } from './passes/narrow-products.js';

/** Every {@link Precision}. */
export const precisions = ['float32', 'bfloat16', 'float16'] as const satisfies readonly Precision[];

/**
 * Returns the precisions that an engine computes products in, those among them that are rounded to.
 */
export function precisionsOf(engine: EngineName): ReadonlyMap<Precision, NarrowMethod> {
  const { narrow = {} } = platform.engines[engine];
  const methods: Readonly<Partial<Record<Precision, NarrowMethod>>> = { float32: 'native', ...narrow };
  return new Map(
    precisions.flatMap((precision): [Precision, NarrowMethod][] => {
      const method = methods[precision];
      return method ? [[precision, method]] : [];
    }),
  );
}

/**
 * Returns how an engine computes products in a precision.
 * @throws {CompileError} when it does not, saying which engines do
 */
export function narrowMethodOf(engine: EngineName, precision: Precision, where: string): NarrowMethod {
  const supported = precisionsOf(engine);
  const method = supported.get(precision);
  if (method) return method;
  const others = engineNames.filter((name) => precisionsOf(name).has(precision));
  throw new CompileError({
    where,
    expected: `a precision of the engine "${engine}": ${[...supported.keys()].join(', ')}`,
    got: precision,
    fix:
      others.length > 0
        ? `Take another precision, or an engine that has ${precision}: ${others.join(', ')}.`
        : 'Take another precision.',
  });
}
