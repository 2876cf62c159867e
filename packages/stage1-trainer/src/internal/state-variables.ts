import type * as tf from '@tensorflow/tfjs-core';

/** Owner of variables, some of which may be state. */
interface Owner {
  namedVariables(): Map<string, tf.Variable>;
}

/**
 * Returns what a training step assigns besides what optimizers move: usage counts, running
 * statistics, averages of codes and logits.
 */
export function stateVariables(owners: Readonly<Record<string, Owner | undefined>>): Map<string, tf.Variable> {
  return new Map(
    Object.entries(owners).flatMap(([owner, module]) =>
      [...(module?.namedVariables() ?? [])]
        .filter(([, { trainable }]) => !trainable)
        .map(([name, variable]) => [`${owner}.${name}`, variable] as const),
    ),
  );
}
