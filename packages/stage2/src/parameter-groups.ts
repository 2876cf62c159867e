import type { Variable } from '@tensorflow/tfjs-core';
import type { AutoregressiveModel } from './autoregressive-model.js';

/** Variables by name, apart for an optimizer with weight decay. */
export interface DecaySplit {
  /** Weights of dense layers. */
  readonly decay: ReadonlyMap<string, Variable>;
  /** Biases, scales of norms, embeddings, positions, time mixing. */
  readonly noDecay: ReadonlyMap<string, Variable>;
}

/**
 * Which variables the reference decays (0.01, as L2 of Adam) and which it does not, after minGPT: only the weights of dense
 * layers are decayed.
 */
export function splitByDecay(model: Pick<AutoregressiveModel, 'namedVariables'>): DecaySplit {
  const named = [...model.namedVariables()].filter(([, { trainable }]) => trainable);
  const isDecayed = ([name]: readonly [string, Variable]): boolean => name.endsWith('.weight');
  return {
    decay: new Map(named.filter(isDecayed)),
    noDecay: new Map(named.filter((entry) => !isDecayed(entry))),
  };
}
