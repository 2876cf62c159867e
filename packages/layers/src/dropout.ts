import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { assertInRange, ConfigError, foldIn, formatShape, randomBits, ShapeError, type RandomKey } from '@vitvq/core';

/** Shares of values that are set to 0 in training; the paper takes 0.1 for all three (sec. 4). Each in [0, 1). */
export interface DropoutRates {
  /** Of what a block adds to its input, after attention and after the feed-forward part. @default 0 */
  readonly residual?: number;
  /** Of the hidden layer of the feed-forward part, after the activation. @default 0 */
  readonly activation?: number;
  /** Of the attention probabilities. @default 0 */
  readonly attention?: number;
}

/** Where something is dropped: the shape of the values, and the rate. */
export interface DropoutSite {
  readonly shape: readonly number[];
  readonly rate: number;
}

/** bool tensors by the name of their site, true for what stays. Plain data: an argument of a compiled training step. */
export type DropoutMasks = Readonly<Record<string, Tensor>>;

/** Rates with their defaults. @throws {ConfigError} */
export function resolveDropout({ residual = 0, activation = 0, attention = 0 }: DropoutRates, where: string) {
  const rates = { residual, activation, attention };
  for (const [name, rate] of Object.entries(rates)) {
    assertInRange(rate, `dropout.${name}`, where, 0, 1 - 2 ** -16);
  }
  return rates;
}

/** The sites of a part with `prefix.` before their names; those with a rate of 0 are none. */
export function dropoutSites(sites: Readonly<Record<string, DropoutSite>>): Record<string, DropoutSite> {
  return Object.fromEntries(Object.entries(sites).filter(([, { rate }]) => rate > 0));
}

/** Places the sites of a part within a larger module. */
export function prefixDropoutSites(
  sites: Readonly<Record<string, DropoutSite>>,
  prefix: string,
): Record<string, DropoutSite> {
  return Object.fromEntries(Object.entries(sites).map(([name, site]) => [`${prefix}.${name}`, site]));
}

/**
 * Draws the masks of one training step, a pure function of its arguments: 16 random bits a value, so that rates are exact to
 * 1/65,536. The caller disposes of them.
 * @param sites  from `model.dropoutSites(batchSize)`
 */
export function drawDropoutMasks(key: RandomKey, sites: Readonly<Record<string, DropoutSite>>): DropoutMasks {
  return Object.fromEntries(
    Object.entries(sites).map(([name, { shape, rate }], index) => {
      const size = shape.reduce((product, dimension) => product * dimension, 1);
      const bits = new Uint16Array(randomBits(foldIn(key, index), Math.ceil(size / 2)).buffer);
      const threshold = Math.round(rate * 65_536);
      // A loop: an array of four million values takes it a tenth of the time of Uint8Array.from.
      const kept = new Uint8Array(size);
      for (let at = 0; at < size; at++) kept[at] = bits[at]! >= threshold ? 1 : 0;
      return [name, tf.tensor(kept, [...shape], 'bool')];
    }),
  );
}

/** The masks of a part: those whose name starts with `prefix.`, without it. */
export function dropoutMasksUnder(masks: DropoutMasks | undefined, prefix: string): DropoutMasks | undefined {
  return (
    masks &&
    Object.fromEntries(
      Object.entries(masks).flatMap(([name, mask]) =>
        name.startsWith(`${prefix}.`) ? [[name.slice(prefix.length + 1), mask]] : [],
      ),
    )
  );
}

/**
 * Sets what the mask of a site drops to 0 and scales the rest by 1 / (1 - rate), so that the mean stays (inverted dropout).
 * Without masks, and at a rate of 0, x is returned as it is: evaluation.
 * @throws {ConfigError} when the site's mask is missing
 * @throws {ShapeError} when it has another shape
 */
export function applyDropout<T extends Tensor>(
  x: T,
  masks: DropoutMasks | undefined,
  name: string,
  rate: number,
  where: string,
): T {
  if (!masks || rate === 0) return x;
  const mask = masks[name];
  if (!mask) {
    throw new ConfigError({
      where,
      expected: `a dropout mask ${name}`,
      got: `${Object.keys(masks).join(', ') || 'none'}`,
      fix: 'Draw masks with drawDropoutMasks(key, model.dropoutSites(batchSize)).',
    });
  }
  if (formatShape(mask.shape) !== formatShape(x.shape)) {
    throw new ShapeError({
      where,
      expected: `a dropout mask ${name} of shape ${formatShape(x.shape)}`,
      got: formatShape(mask.shape),
      fix: 'Draw masks for the batch size and number of tokens that the model is given.',
    });
  }
  return tf.mul(x, tf.mul(tf.cast(mask, 'float32'), 1 / (1 - rate)));
}
