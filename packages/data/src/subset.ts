import { ConfigError, permutation, type RandomKey } from '@vitvq/core';
import type { ImageSource, ImageStorage } from './image-source.js';

/**
 * Some images of a source, in the order given; the classes stay. Shares memory with the source.
 * @param indices  positions in the source; one may come twice
 * @throws {ConfigError} when a position is not in the source, or there is none
 */
export function subset(source: ImageSource, indices: ArrayLike<number>, name = source.name): ImageSource {
  const chosen = Array.from(indices);
  const wrong = chosen.find((index) => !Number.isInteger(index) || index < 0 || index >= source.length);
  if (wrong !== undefined || chosen.length === 0) {
    throw new ConfigError({
      where: 'subset',
      expected: `positions in [0, ${source.length})`,
      got: wrong === undefined ? 'none' : String(wrong),
    });
  }
  return {
    name,
    length: chosen.length,
    classes: source.classes,
    labels: Int32Array.from(chosen, (index) => source.labels[index]!),
    storage: pick(source.storage, chosen),
  };
}

function pick(storage: ImageStorage, indices: readonly number[]): ImageStorage {
  return storage.kind === 'files'
    ? { ...storage, files: indices.map((index) => storage.files[index]!) }
    : { ...storage, rows: Uint32Array.from(indices, (index) => storage.rows[index]!) };
}

export interface SplitOptions {
  /** How much to hold out: below 1 a share of the images (rounded, at least one), from 1 on a number of images. */
  holdOut: number;
  /** Decides which images. */
  key: RandomKey;
}

export interface SplitResult {
  readonly train: ImageSource;
  readonly heldOut: ImageSource;
}

/**
 * Two parts that share no image, drawn at random; both keep the order of the source.
 * The same number of images, `holdOut` and key give the same positions, so that pairs of sources stay pairs; another number of
 * images gives quite different ones.
 * @throws {ConfigError} unless both parts get at least one image
 */
export function splitSource(source: ImageSource, { holdOut, key }: SplitOptions): SplitResult {
  const count = holdOut < 1 ? Math.max(1, Math.round(holdOut * source.length)) : holdOut;
  if (!(holdOut > 0) || !Number.isInteger(count) || count >= source.length) {
    throw new ConfigError({
      where: 'splitSource',
      expected: `holdOut to be a share in (0, 1), or a whole number of images below ${source.length}, with images left on both sides`,
      got: String(holdOut),
    });
  }
  const order = permutation(key, source.length);
  return {
    train: subset(source, order.subarray(count).sort(), `${source.name} (training part)`),
    heldOut: subset(source, order.subarray(0, count).sort(), `${source.name} (held-out part)`),
  };
}
