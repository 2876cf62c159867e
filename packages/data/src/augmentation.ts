import { z } from 'zod';

const fraction = z.number().min(0).max(1);

/** A stretch `[minimum, maximum]` of positive numbers. */
const stretch = (maximum: number): z.ZodType<[number, number], [number, number]> =>
  z
    .tuple([z.number().positive().max(maximum), z.number().positive().max(maximum)])
    .refine(([from, to]) => from <= to, 'expected [minimum, maximum] with minimum <= maximum');

const crop = z.strictObject({
  /** A crop of `imageSize` at a random place, as `crop: 'random'`. */
  kind: z.literal('crop'),
});

const randomResizedCrop = z.strictObject({
  /** A crop of random area and proportions, scaled to `imageSize`. */
  kind: z.literal('random-resized-crop'),
  /** Area, as a fraction of the image. */
  scale: stretch(1).default([0.08, 1]),
  /** Width divided by height; its logarithm is drawn. */
  ratio: stretch(100).default([3 / 4, 4 / 3]),
});

const flip = z.strictObject({
  /** Mirrors images left to right. */
  kind: z.literal('flip'),
  probability: fraction.default(0.5),
});

const color = z.strictObject({
  /** Changes brightness, contrast, saturation and hue, in this order. */
  kind: z.literal('color'),
  /** How far the factor may be from 1. */
  brightness: fraction.default(0.4),
  contrast: fraction.default(0.4),
  saturation: fraction.default(0.4),
  /** How far the hue may turn, in turns. */
  hue: z.number().min(0).max(0.5).default(0.1),
  /** How often anything is changed. */
  probability: fraction.default(1),
});

const randAugment = z.strictObject({
  /** RandAugment (arXiv:1909.13719): some operations of 14, all of one strength. */
  kind: z.literal('rand-augment'),
  operations: z.int().min(1).max(10).default(2),
  /** Strength of the operations, of 30. */
  magnitude: z.int().min(0).max(30).default(9),
});

const step = z.discriminatedUnion('kind', [crop, randomResizedCrop, flip, color, randAugment]);

/** A step of an augmentation, with its defaults. */
export type AugmentationStep = z.output<typeof step>;

/** Place of each kind in the list: crops come first, then the flip, then what changes pixels. */
const places: Readonly<Record<AugmentationStep['kind'], number>> = {
  crop: 0,
  'random-resized-crop': 0,
  flip: 1,
  color: 2,
  'rand-augment': 2,
};

/**
 * Schema of {@link Augmentation}; it fills in the defaults. A crop comes first, then the flip, then
 * changes of pixels in the order of the list.
 */
export const augmentationSchema = z.array(step).refine(
  (steps) =>
    steps.every(({ kind }, index) => {
      const [place, before] = [places[kind], places[steps[index - 1]?.kind ?? 'crop']];
      return index === 0 || place > before || (place === before && place === 2);
    }),
  'expected one crop at most, then one flip at most, then changes of pixels',
);

/** How images are changed at random, as data that JSON or YAML holds: a list of steps. */
export type Augmentation = z.input<typeof augmentationSchema>;
