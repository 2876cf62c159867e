import { foldIn, randomKey, type RandomKey } from '@vitvq/core';

/** Keys folded from the seed of a run, apart from those that models and trainers fold from it. */
const streams = {
  heldOut: 102,
  tokenizerBatches: 301,
  transformer: 302,
  transformerBatches: 303,
  probeHoldOut: 304,
  keptForProbe: 305,
  probeTest: 306,
  proxy: 307,
  conditions: 308,
  classifierBatches: 309,
} as const;

/** Returns the key of one use of random numbers in a run. */
export function keyOf(seed: number, stream: keyof typeof streams): RandomKey {
  return foldIn(randomKey(seed), streams[stream]);
}
