import {
  checkOptions,
  ConfigError,
  foldIn,
  permutation,
  takeRows,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import type { FeatureMatrix, FeatureSet } from './feature-set.js';

/** Options of {@link holdOut}. */
export interface HoldOutOptions {
  /**
   * Fraction of each class to hold out, in (0, 1); rounded, and at least one sample of a class
   * stays in training.
   */
  readonly fraction: number;
  /** Decides which samples are held out. */
  readonly key: RandomKey;
}

const holdOutOptionNames: OptionTable<HoldOutOptions> = {
  fraction: 'required',
  key: 'required',
};

/**
 * Splits a set at random within each class, so that both parts have the classes in the same
 * proportions. Both parts keep the order of the set. It makes a validation split where the data set
 * has none.
 * @throws {ConfigError} unless the fraction is within (0, 1) and leaves no part empty
 */
export function holdOut(
  set: FeatureSet,
  options: HoldOutOptions,
): { readonly train: FeatureSet; readonly heldOut: FeatureSet } {
  const where = 'holdOut';
  const { fraction, key } = checkOptions(options, holdOutOptionNames, where);
  if (!(fraction > 0 && fraction < 1)) {
    throw new ConfigError({ where, expected: 'fraction to be a number within (0, 1)', got: String(fraction) });
  }
  const samplesOfClass = new Map<number, number[]>();
  set.labels.forEach((label, sample) => {
    const samples = samplesOfClass.get(label);
    if (samples) samples.push(sample);
    else samplesOfClass.set(label, [sample]);
  });
  const held = new Uint8Array(set.count);
  for (const [label, samples] of samplesOfClass) {
    const count = Math.min(Math.round(fraction * samples.length), samples.length - 1);
    for (const place of permutation(foldIn(key, label), samples.length).subarray(0, count)) held[samples[place]!] = 1;
  }
  const places = Array.from(held.keys());
  const heldOut = places.filter((sample) => held[sample]);
  if (heldOut.length === 0) {
    throw new ConfigError({
      where,
      expected: 'a fraction that takes at least one sample of a class',
      got: `${fraction} of ${set.count} samples in ${samplesOfClass.size} classes`,
      fix: 'Hold out a larger fraction.',
    });
  }
  return { train: pick(set, Array.from(places.filter((sample) => !held[sample]))), heldOut: pick(set, heldOut) };
}

function pick(set: FeatureSet, samples: readonly number[]): FeatureSet {
  const rows = ({ dim, data }: FeatureMatrix): FeatureMatrix => ({ dim, data: takeRows(data, dim, samples) });
  return {
    count: samples.length,
    labels: Int32Array.from(samples, (sample) => set.labels[sample]!),
    blocks: new Map([...set.blocks].map(([name, matrix]) => [name, rows(matrix)])),
    ...(set.hashes && { hashes: samples.map((sample) => set.hashes![sample]!) }),
  };
}
