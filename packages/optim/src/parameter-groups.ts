import type { Variable } from '@tensorflow/tfjs-core';

/** Variables that are updated alike. */
export interface ParameterGroup {
  /** By dotted name; the state of the optimizer carries the same names. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Decoupled weight decay, relative to the learning rate. @default 1e-4 */
  readonly weightDecay?: number;
  /** Multiplies the learning rate of this group. @default 1 */
  readonly learningRateScale?: number;
}

/**
 * Two groups: weights, which are decayed, and what decay would only pull towards zero: vectors and scalars (biases, scales
 * of norms), codebooks and learned positions. The reference decays everything: for that, make one group yourself.
 */
export function decayGroups(named: ReadonlyMap<string, Variable>, weightDecay: number): ParameterGroup[] {
  const isDecayed = (name: string, variable: Variable): boolean =>
    variable.rank >= 2 && !/(^|\.)(codebook|positions)$/.test(name);
  const pick = (decayed: boolean): ReadonlyMap<string, Variable> =>
    new Map([...named].filter(([name, variable]) => isDecayed(name, variable) === decayed));
  return [
    { variables: pick(true), weightDecay },
    { variables: pick(false), weightDecay: 0 },
  ].filter(({ variables }) => variables.size > 0);
}
