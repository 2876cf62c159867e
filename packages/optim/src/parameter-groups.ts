import type { Variable } from '@tensorflow/tfjs-core';

/** Group of variables that are updated alike. */
export interface ParameterGroup {
  /** Variables by dotted name; the state of the optimizer has the same names. */
  readonly variables: ReadonlyMap<string, Variable>;
  /**
   * Weight decay, whose meaning depends on the optimizer. @default 1e-4 for `AdamW`, 0 for `Adam`
   * and `Adafactor`
   */
  readonly weightDecay?: number;
  /** Factor of the learning rate of this group. @default 1 */
  readonly learningRateScale?: number;
}

/** Returns whether a variable is decayed. */
export type DecayRule = (name: string, variable: Variable) => boolean;

/**
 * Decays every variable but those that decay would only pull towards zero: vectors and scalars
 * (biases, scales of norms), codebooks and learned positions (`positions`, or a name that ends in
 * `Positions`).
 */
export const decayMatrices: DecayRule = (name, { rank }) =>
  rank >= 2 && !/(^|\.)(codebook|positions|\w+Positions)$/.test(name);

/** Decays every variable, as stage 1 of the reference does. */
export const decayEverything: DecayRule = () => true;

/**
 * Decays only the `weight`s of linear layers and convolutions: not biases, norms, positions and
 * tables of embeddings (`...embedding` or `...embeddings`, with or without `.weight`; a patch
 * embedding is a linear layer). Stage 2 of the reference does so, after minGPT.
 */
export const decayLinearWeights: DecayRule = (name, { rank }) =>
  rank >= 2 && /(^|\.)weight$/.test(name) && !/(?<!patch)embeddings?\.weight$/i.test(name);

/**
 * Returns a group of the variables that are decayed and a group of the others, without empty
 * groups.
 */
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
