import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import type { HostImages } from '@vitvq/core';
import { z } from 'zod';
import { ClassConditioner, TextConditioner, Unconditional } from '@vitvq/transformers';
import { captionsOf, textOf } from '../conditions.js';
import { generateImages } from '../generate-images.js';
import { loadBoth } from '../open-run.js';
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
  /** Text of each row of images; null where there are none. */
  prompts: z.array(z.string()).nullable(),
});

/** Result of the samples' stage. */
export type SamplesResult = z.output<typeof samplesResultSchema>;

/**
 * Images `[classes x perClass, H, W, C]`, class after class, and their codes, in the stage's
 * folder.
 */
const samplesFile = 'samples.safetensors';

/** Texts that images are drawn of. */
const promptCount = 10;

/** Draws images of every class, or of captions of held-out images, from the same seeds. */
export async function drawSamples(context: RunContext): Promise<SamplesResult> {
  const { config, folder, images: data, view, signal } = context;
  const { perClass, ...choices } = config.samples;
  const firstSeed = config.seed * perClass;
  const models = await loadBoth(
    () => openTokenizer(context),
    () => openTransformer(context),
  );
  const { tokenizer, model, conditioner } = models;
  const classCount = conditioner instanceof ClassConditioner ? conditioner.classCount : undefined;
  const prompts =
    conditioner instanceof TextConditioner ? captionsOf(data.validation).slice(0, promptCount).map(textOf) : undefined;
  const rowCount = classCount ?? prompts?.length ?? 1;
  const rows = Array.from({ length: rowCount * perClass }, (_, image) => Math.floor(image / perClass));
  const ofEach = classCount !== undefined ? 'classes' : prompts !== undefined ? 'captions' : undefined;
  view.log(`  ${perClass} images${ofEach === undefined ? '' : ` of each of ${rowCount} ${ofEach}`}`);
  if (conditioner instanceof Unconditional && choices.guidanceScale !== null) {
    view.log(`  guidance ${choices.guidanceScale} is left out: the transformer has no conditions to be guided by`);
  }
  try {
    const { tokens, images } = await generateImages(
      { tokenizer, model, conditioner },
      {
        ...choices,
        classes: classCount === undefined ? undefined : rows,
        prompts: prompts && rows.map((row) => prompts[row]!),
        seeds: rows.map((_, image) => firstSeed + (image % perClass)),
        signal,
      },
    );
    await writeSafetensors(join(folder.of('samples'), samplesFile), new Map(Object.entries({ tokens, images })));
    return { perClass, firstSeed, classes: classCount === undefined ? null : rows, prompts: prompts ?? null };
  } finally {
    models.dispose();
  }
}

/** The images that the stage left. */
export async function readSamples({
  folder,
}: {
  readonly folder: Pick<RunContext['folder'], 'of'>;
}): Promise<HostImages> {
  const { tensors } = await readSafetensors(join(folder.of('samples'), samplesFile));
  const { data, shape } = tensors.get('images')!;
  return { data: data as Float32Array, shape: shape as [number, number, number, number] };
}
