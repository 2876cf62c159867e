import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { assertInRange, ConfigError, foldIn, formatShape, randomBits, ShapeError, type RandomKey } from '@vitvq/core';

/**
 * Fractions of values that are set to 0 in training, each in [0, 1); the paper takes 0.1 for all
 * three (arXiv:2110.04627, sec. 4).
 */
export interface DropoutRates {
  /**
   * Fraction of what a block adds to its input, after attention and after feed-forward. @default 0
   */
  readonly residual?: number;
  /** Fraction of the hidden layer of the feed-forward part, after the activation. @default 0 */
  readonly activation?: number;
  /** Fraction of the attention probabilities. @default 0 */
  readonly attention?: number;
}

/** Place in a model where values are dropped: their shape and the rate. */
export interface DropoutSite {
  readonly shape: readonly number[];
  readonly rate: number;
}

/**
 * Boolean tensors by the name of their site, true for values that stay: plain data, which can be an
 * argument of a compiled training step.
 */
export type DropoutMasks = Readonly<Record<string, Tensor>>;

/** Returns the rates with their defaults. @throws {ConfigError} for a rate outside [0, 1) */
export function resolveDropout({ residual = 0, activation = 0, attention = 0 }: DropoutRates, where: string) {
  const rates = { residual, activation, attention };
  for (const [name, rate] of Object.entries(rates)) {
    assertInRange(rate, `dropout.${name}`, where, 0, 1 - 2 ** -16);
  }
  return rates;
}

/** Returns the sites whose rate is above 0. */
export function dropoutSites(sites: Readonly<Record<string, DropoutSite>>): Record<string, DropoutSite> {
  return Object.fromEntries(Object.entries(sites).filter(([, { rate }]) => rate > 0));
}

/**
 * Returns the sites of a part with `prefix.` before their names, to place them in a larger module.
 */
export function prefixDropoutSites(
  sites: Readonly<Record<string, DropoutSite>>,
  prefix: string,
): Record<string, DropoutSite> {
  return Object.fromEntries(Object.entries(sites).map(([name, site]) => [`${prefix}.${name}`, site]));
}

/**
 * Draws the masks of one training step, with 16 random bits a value, so that rates are exact to
 * 1/65,536. The function is pure; the caller disposes of the masks.
 * @param sites  from `model.dropoutSites(batchSize)`
 */
export function drawDropoutMasks(key: RandomKey, sites: Readonly<Record<string, DropoutSite>>): DropoutMasks {
  return Object.fromEntries(
    Object.entries(sites).map(([name, { shape, rate }], index) => {
      const size = shape.reduce((product, dimension) => product * dimension, 1);
      const bits = new Uint16Array(randomBits(foldIn(key, index), Math.ceil(size / 2)).buffer);
      const threshold = Math.round(rate * 65_536);
      // For four million values this loop takes a tenth of the time of Uint8Array.from.
      const kept = new Uint8Array(size);
      for (let at = 0; at < size; at++) kept[at] = bits[at]! >= threshold ? 1 : 0;
      return [name, tf.tensor(kept, [...shape], 'bool')];
    }),
  );
}

/**
 * Returns the masks of a part: those whose name starts with `prefix.`, under the rest of the name.
 */
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
 * Sets the values that the mask of a site drops to 0 and scales the rest by 1 / (1 - rate), so that
 * the mean stays (inverted dropout). Without masks, as in evaluation, and at a rate of 0, returns x
 * as it is.
 * @throws {ConfigError} when the site's mask is missing
 * @throws {ShapeError} when the mask has another shape
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
