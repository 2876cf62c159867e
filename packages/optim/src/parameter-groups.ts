import type { Variable } from '@tensorflow/tfjs-core';

/** Variables that are updated alike. */
export interface ParameterGroup {
  /** By dotted name; the state of the optimizer carries the same names. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Weight decay; what it means and its default are the optimizer's: `AdamW` 1e-4, `Adam` and `Adafactor` 0. */
  readonly weightDecay?: number;
  /** Multiplies the learning rate of this group. @default 1 */
  readonly learningRateScale?: number;
}

/** Says of a variable whether it is decayed. */
export type DecayRule = (name: string, variable: Variable) => boolean;

/**
 * Leaves out what decay would only pull towards zero: vectors and scalars (biases, scales of norms), codebooks and learned
 * positions (`positions`, or a name that ends in `Positions`).
 */
export const decayMatrices: DecayRule = (name, { rank }) =>
  rank >= 2 && !/(^|\.)(codebook|positions|\w+Positions)$/.test(name);

/** All of them: stage 1 of the reference. */
export const decayEverything: DecayRule = () => true;

/**
 * `weight`s of linear layers and convolutions alone: not biases, norms, positions and tables of embeddings (`...embedding` or
 * `...embeddings`, with or without `.weight`; a patch embedding is a linear layer). Stage 2 of the reference, after minGPT.
 */
export const decayLinearWeights: DecayRule = (name, { rank }) =>
  rank >= 2 && /(^|\.)weight$/.test(name) && !/(?<!patch)embeddings?\.weight$/i.test(name);

/** Two groups, of the variables that are decayed and of the others; one where all are alike. */
export function decayGroups(
  named: ReadonlyMap<string, Variable>,
  weightDecay: number,
  rule: DecayRule = decayMatrices,
): ParameterGroup[] {
  const pick = (decayed: boolean): ReadonlyMap<string, Variable> =>
    new Map([...named].filter(([name, variable]) => rule(name, variable) === decayed));
  return [
    { variables: pick(true), weightDecay },
    { variables: pick(false), weightDecay: 0 },
  ].filter(({ variables }) => variables.size > 0);
}
