import { ConfigError, foldIn, permutation, type RandomKey } from '@vitvq/core';
import type { FeatureMatrix, FeatureSet } from './feature-set.js';

export interface HoldOutOptions {
  /** Share of each class to hold out, in (0, 1); rounded, and at least one sample of a class stays in training. */
  readonly share: number;
  /** Decides which samples. */
  readonly key: RandomKey;
}

/**
 * Two parts that share no sample, drawn at random within each class, so that both have the classes in the same proportions. Both
 * keep the order of the set. For a validation split where the data set has none.
 * @throws {ConfigError} when the share is not within (0, 1), or leaves a part empty
 */
export function holdOut(
  set: FeatureSet,
  { share, key }: HoldOutOptions,
): { readonly train: FeatureSet; readonly heldOut: FeatureSet } {
  const where = 'holdOut';
  if (!(share > 0 && share < 1)) {
    throw new ConfigError({ where, expected: 'share to be a number within (0, 1)', got: String(share) });
  }
  const samplesOfClass = new Map<number, number[]>();
  set.labels.forEach((label, sample) => {
    const samples = samplesOfClass.get(label);
    if (samples) samples.push(sample);
    else samplesOfClass.set(label, [sample]);
  });
  const held = new Uint8Array(set.count);
  for (const [label, samples] of samplesOfClass) {
    const count = Math.min(Math.round(share * samples.length), samples.length - 1);
    for (const place of permutation(foldIn(key, label), samples.length).subarray(0, count)) held[samples[place]!] = 1;
  }
  const places = Array.from(held.keys());
  const heldOut = places.filter((sample) => held[sample]);
  if (heldOut.length === 0) {
    throw new ConfigError({
      where,
      expected: 'a share that takes at least one sample of a class',
      got: `${share} of ${set.count} samples in ${samplesOfClass.size} classes`,
      fix: 'Hold out a larger share.',
    });
  }
  return { train: pick(set, Array.from(places.filter((sample) => !held[sample]))), heldOut: pick(set, heldOut) };
}

function pick(set: FeatureSet, samples: readonly number[]): FeatureSet {
  const rows = ({ dim, data }: FeatureMatrix): FeatureMatrix => {
    const picked = new Float32Array(samples.length * dim);
    samples.forEach((sample, row) => picked.set(data.subarray(sample * dim, (sample + 1) * dim), row * dim));
    return { dim, data: picked };
  };
  return {
    count: samples.length,
    labels: Int32Array.from(samples, (sample) => set.labels[sample]!),
    blocks: new Map([...set.blocks].map(([name, matrix]) => [name, rows(matrix)])),
  };
}
