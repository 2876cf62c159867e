import { augmentationSchema, dataSourceSchema } from '@vitvq/data';
import { engineNames, precisions, weightPlacements } from '@vitvq/engine';
import { z } from 'zod';

/** A number of things: an integer from 1. */
export const count = z.int().min(1);

/** A part of a whole, neither nothing nor all of it. */
export const fraction = z.number().gt(0).lt(1);

const everySeconds = z.number().gt(0).optional();
const size = z.union([count, z.tuple([count, count]).readonly()], {
  error: 'expected pixels as one number, or [height, width]',
});
const engines = ['auto', ...engineNames] as const;

/** Fields of the config of every run. */
export const generalFields = {
  title: z.string().default('A vitvq run'),
  seed: z.int().min(0).default(0),
  precision: z.enum(precisions).default('float32'),
  engine: z.enum(engines).default('auto'),
  threads: count.optional(),
  mesh: z
    .strictObject({
      data: count.default(1),
      model: count.default(1),
      weights: z.enum(weightPlacements).default('replicated'),
    })
    .prefault({}),
};

/** Images of every run: what is learned from, and what is measured on. */
export const dataFields = {
  train: dataSourceSchema,
  validation: dataSourceSchema.nullish(),
  heldOut: z.number().gt(0).default(1000),
};

/** What a training of a run has beside the trainer's own config. */
export const stageTrainingFields = {
  batchSize: count,
  evaluation: z
    .strictObject({
      everySteps: count.optional(),
      everySeconds,
      images: count.default(1000),
      batchSize: count.default(50),
    })
    .default({ everySeconds: 60, images: 1000, batchSize: 50 }),
  checkpoint: z
    .strictObject({ everySteps: count.optional(), everySeconds, keep: count.optional() })
    .default({ everySeconds: 30 }),
};

/** How training images are shown. */
export const shownImagesSchema = z
  .strictObject({
    resizeTo: size.optional(),
    crop: z.enum(['center', 'random']).default('center'),
    flip: z.boolean().default(true),
    augment: augmentationSchema.optional(),
  })
  .prefault({});
