import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import type { HostImages } from '@vitvq/core';
import { z } from 'zod';
import { ClassConditioner } from '@vitvq/transformers';
import { generateImages } from '../generate-images.js';
import type { RunContext } from '../run-context.js';
import { openTokenizer } from './tokenizer-stage.js';
import { openTransformer } from './transformer-stage.js';

/** What the drawing of images came to. */
export const samplesResultSchema = z.strictObject({
  perClass: z.int(),
  /** Of the first image of each class; the second has the next one. */
  firstSeed: z.int(),
  /** Class of each image; null where there are none. */
  classes: z.array(z.int()).nullable(),
});

/** Result of the samples' stage. */
export type SamplesResult = z.output<typeof samplesResultSchema>;

/**
 * Images `[classes x perClass, H, W, C]`, class after class, and their codes, in the stage's
 * folder.
 */
const samplesFile = 'samples.safetensors';

/** Draws images of every class from the same seeds. */
export async function drawSamples(context: RunContext): Promise<SamplesResult> {
  const { config, folder, view, signal } = context;
  const { perClass, ...choices } = config.samples;
  const firstSeed = config.seed * perClass;
  const tokenizer = await openTokenizer(context);
  const { model, conditioner } = await openTransformer(context);
  const classCount = conditioner instanceof ClassConditioner ? conditioner.classCount : undefined;
  const classes = Array.from({ length: (classCount ?? 1) * perClass }, (_, image) => Math.floor(image / perClass));
  view.log(`  ${perClass} images${classCount === undefined ? '' : ` of each of ${classCount} classes`}`);
  try {
    const { tokens, images } = await generateImages(
      { tokenizer, model, conditioner },
      {
        ...choices,
        classes: classCount === undefined ? undefined : classes,
        seeds: classes.map((_, image) => firstSeed + (image % perClass)),
        signal,
      },
    );
    await writeSafetensors(join(folder.of('samples'), samplesFile), new Map(Object.entries({ tokens, images })));
    return { perClass, firstSeed, classes: classCount === undefined ? null : classes };
  } finally {
    model.dispose();
    tokenizer.dispose();
  }
}

/** The images that the stage left. */
export async function readSamples({ folder }: Pick<RunContext, 'folder'>): Promise<HostImages> {
  const { tensors } = await readSafetensors(join(folder.of('samples'), samplesFile));
  const { data, shape } = tensors.get('images')!;
  return { data: data as Float32Array, shape: shape as [number, number, number, number] };
}
