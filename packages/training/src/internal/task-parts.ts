import type { Variable } from '@tensorflow/tfjs-core';
import type { TrainingTask } from '../training-task.js';

type Parts = TrainingTask<never>['parts'];

/** Returns everything that a checkpoint holds, as `<part>.<name>`. */
export function partVariables(parts: Parts): Map<string, Variable> {
  return new Map(
    Object.entries(parts).flatMap(([part, owner]) =>
      [...(owner.namedVariables?.() ?? [])].map(([name, variable]) => [`${part}.${name}`, variable] as const),
    ),
  );
}

/** Returns what the parts remember besides variables. */
export function partStates(parts: Parts): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parts).flatMap(([part, owner]) => (owner.state ? [[part, owner.state()] as const] : [])),
  );
}

/**
 * Yields the values of trainable variables as `weights/<part>.<name>`, one variable after the
 * other.
 */
export async function* trainableValues(parts: Parts): AsyncGenerator<readonly [string, ArrayLike<number>]> {
  for (const [name, variable] of partVariables(parts)) {
    if (variable.trainable) yield [`weights/${name}`, await variable.data()];
  }
}

/** Returns what JSON makes of a value, which a checkpoint gives back: nothing that is undefined. */
export function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
