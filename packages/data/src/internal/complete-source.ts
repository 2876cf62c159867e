import {
  assertInteger,
  assertMembers,
  assertOneOf,
  checkOptions,
  ConfigError,
  DataError,
  toSize2D,
  type DecodeOptions,
  type ImageSource,
  type OptionTable,
} from '@vitvq/core';
import type { ImageDataset } from '../image-dataset.js';

/** Decode options with their defaults. */
export type DecodeSettings = Required<DecodeOptions>;

/** Names of the decode options. */
export const decodeOptionNames: OptionTable<DecodeOptions> = {
  strict: 'optional',
  failOn: 'optional',
  maximumPixels: 'optional',
  maximumBytes: 'optional',
  background: 'optional',
  resampling: 'optional',
};

/** Fills in the defaults of decode options. @throws {ConfigError} naming the option */
export function completeDecoding(options: DecodeOptions = {}, where: string): DecodeSettings {
  const {
    strict = false,
    failOn = 'warning',
    maximumPixels = 100_000_000,
    maximumBytes = 256 * 2 ** 20,
    background = '#ffffff',
    resampling = 'smooth',
  } = checkOptions(options, decodeOptionNames, `${where}, decoding`);
  assertOneOf(failOn, ['truncated', 'error', 'warning'], 'failOn', where);
  assertOneOf(resampling, ['smooth', 'nearest'], 'resampling', where);
  assertInteger(maximumPixels, 'maximumPixels', where, 1, Number.MAX_SAFE_INTEGER);
  assertInteger(maximumBytes, 'maximumBytes', where);
  if (!/^#[0-9a-f]{6}$/i.test(background)) {
    throw new ConfigError({ where, expected: 'background as #rrggbb', got: background });
  }
  return { strict, failOn, maximumPixels, maximumBytes, background, resampling };
}

/**
 * Fills in the defaults of a source and checks what it says of itself. Reads no image.
 * @throws {ConfigError} for a number or an option that cannot be
 * @throws {DataError} when the labels do not fit the images or the classes
 */
export function completeSource(source: ImageSource & Extras, where: string): ImageDataset {
  assertMembers(source, ['length', 'read'], 'the source of images', where);
  const { length, name = 'images', channels = 3, imageSize } = source;
  assertInteger(length, `length of ${name}`, where);
  assertInteger(channels, `channels of ${name}`, where);
  return {
    length,
    name,
    channels,
    ...completeLabels(source, where),
    imageSize: imageSize === undefined ? undefined : toSize2D(imageSize),
    nameOf: source.nameOf && ((index): string => source.nameOf!(index)),
    decoding: completeDecoding(source.decoding, where),
    // A getter, because some sources compute it from their images.
    get identity(): string {
      return source.identity ?? name;
    },
    read: (index) => source.read(index),
    ...completeExtras(source, where),
  };
}

/** What some sources have besides the contract, found by looking at the value. */
type Extras = Pick<ImageDataset, 'captions' | 'stretches'>;

function completeExtras({ length, captions, stretches }: ImageSource & Extras, where: string): Extras {
  if (captions === undefined || captions.length === length) {
    return { ...(captions && { captions }), ...(stretches && { stretches }) };
  }
  throw new DataError({ where, expected: `${length} captions, one entry for each image`, got: `${captions.length}` });
}

function completeLabels(
  { length, labels, classNames }: ImageSource,
  where: string,
): Pick<ImageDataset, 'labels' | 'classNames'> {
  if (labels && labels.length !== length) {
    throw new DataError({ where, expected: `${length} labels, one for each image`, got: `${labels.length}` });
  }
  const whole = Int32Array.from({ length }, (_, index) => labels?.[index] ?? 0);
  const needed = labels ? whole.reduce((most, label) => Math.max(most, label + 1), 0) : 0;
  const names = classNames ?? Array.from({ length: needed }, (_, index) => String(index));
  const limit = Math.max(names.length, 1);
  const wrong = whole.findIndex((label, index) => label < 0 || label >= limit || label !== (labels?.[index] ?? 0));
  if (wrong >= 0) {
    throw new DataError({
      where,
      expected: `labels to be integers in [0, ${limit})`,
      got: `${labels?.[wrong]} for image ${wrong}`,
    });
  }
  return { labels: whole, classNames: names };
}
