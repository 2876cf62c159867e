import { normalInitializer, type RandomKey } from '@vitvq/core';
import { Linear, weightStddev } from '@vitvq/layers';

/** From features to logits, without a bias: `weight` `[D, V]`, which starts as N(0, 0.02²). */
export function tokenHead(
  { dim, vocabSize }: { readonly dim: number; readonly vocabSize: number },
  key: RandomKey,
): Linear {
  return new Linear({
    inFeatures: dim,
    outFeatures: vocabSize,
    useBias: false,
    key,
    initializer: normalInitializer(weightStddev),
  });
}
