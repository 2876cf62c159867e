import { createHash } from 'node:crypto';
import {
  assertMembers,
  checkOptions,
  ConfigError,
  permutation,
  type ImageSource,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import type { ImageDataset } from './image-dataset.js';
import { completeSource } from './internal/complete-source.js';
import { stretchesOf } from './internal/stretches.js';

/**
 * Returns some images of a source, in the order given; classes and captions stay. The images stay
 * where they are.
 * @param indices  positions in the source; one may come twice
 * @param name  name for people. Default: the name of the source
 * @throws {ConfigError} when a position is not in the source, or there is none
 */
export function subset(source: ImageSource, indices: ArrayLike<number>, name?: string): ImageDataset {
  const whole = completeSource(source, 'subset');
  const chosen = Array.from(indices);
  const wrong = chosen.find((index) => !Number.isInteger(index) || index < 0 || index >= whole.length);
  if (wrong !== undefined || chosen.length === 0) {
    throw new ConfigError({
      where: 'subset',
      expected: `positions in [0, ${whole.length})`,
      got: wrong === undefined ? 'none' : String(wrong),
    });
  }
  const positions = Uint32Array.from(chosen);
  const { classNames, channels, imageSize, decoding, captions, stretches } = whole;
  return {
    name: name ?? whole.name,
    length: positions.length,
    labels: Int32Array.from(positions, (index) => whole.labels[index]!),
    classNames,
    channels,
    imageSize,
    decoding,
    read: (index) => whole.read(positions[index]!),
    ...(stretches && { stretches: stretchesOf(stretches, positions) }),
    ...(captions && { captions: Array.from(positions, (index) => captions[index]!) }),
    nameOf: whole.nameOf && ((index) => whole.nameOf!(positions[index]!)),
    get identity(): string {
      const bytes = new Uint8Array(positions.buffer);
      return createHash('sha256').update(whole.identity).update('\0').update(bytes).digest('hex');
    },
  };
}

/** Options of `splitSource`. */
export interface SplitOptions {
  /**
   * How much to hold out: below 1 a fraction of the images (rounded, at least one image), from 1 on
   * a number of images.
   */
  holdOut: number;
  /** Decides which images are held out. */
  key: RandomKey;
}

const splitOptionNames: OptionTable<SplitOptions> = {
  holdOut: 'required',
  key: 'required',
};

/** Two parts of a source. */
export interface SplitResult {
  readonly train: ImageDataset;
  readonly heldOut: ImageDataset;
}

/**
 * Splits a source at random into two parts that share no image; both keep the order of the source.
 * The same number of images, `holdOut` and key give the same positions, so that paired sources stay
 * paired; another number of images gives quite different ones.
 * @throws {ConfigError} unless both parts get at least one image
 */
export function splitSource(source: ImageSource, options: SplitOptions): SplitResult {
  const { holdOut, key } = checkOptions(options, splitOptionNames, 'splitSource');
  assertMembers(source, ['length', 'read'], 'the source of images', 'splitSource');
  const { length, name = 'images' } = source;
  const count = holdOut < 1 ? Math.max(1, Math.round(holdOut * length)) : holdOut;
  if (!(holdOut > 0) || !Number.isInteger(count) || count >= length) {
    throw new ConfigError({
      where: 'splitSource',
      expected: `holdOut to be a fraction in (0, 1), or a whole number of images below ${length}, with images left on both sides`,
      got: String(holdOut),
    });
  }
  const order = permutation(key, length);
  return {
    train: subset(source, order.subarray(count).sort(), `${name} (training part)`),
    heldOut: subset(source, order.subarray(0, count).sort(), `${name} (held-out part)`),
  };
}
