import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import { takeRows, type HostImages } from '@vitvq/core';
import { readImages } from '@vitvq/data';
import { z } from 'zod';
import { ClassConditioner, TextConditioner, Unconditional } from '@vitvq/transformers';
import { captionsOf, textOf } from '../captions.js';
import { NetworkConditioner } from '../feature-conditions.js';
import { generateImages, usedCandidates } from '../generate-images.js';
import { imageSizeOf } from '../image-size.js';
import { loadBoth } from '../open-run.js';
import type { RunContext } from '../run-context.js';
import { someOf } from '../run-images.js';
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
  /** Number of real images whose looks were asked for, which the first column shows. */
  liked: z.int().default(0),
});

/** Result of the samples' stage. */
export type SamplesResult = z.output<typeof samplesResultSchema>;

/**
 * Images `[classes x perClass, H, W, C]`, class after class, and their codes, in the stage's
 * folder.
 */
const samplesFile = 'samples.safetensors';

/** Texts, or images, that images are drawn after. */
const promptCount = 10;

/**
 * Draws images of every class, of captions of held-out images, or after the looks of these, from
 * the same seeds.
 */
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
  const isOfNetwork = conditioner instanceof NetworkConditioner;
  const prompts =
    conditioner instanceof TextConditioner || (isOfNetwork && conditioner.isOfCaptions)
      ? captionsOf(data.validation).slice(0, promptCount).map(textOf)
      : undefined;
  const liked =
    isOfNetwork && !conditioner.isOfCaptions
      ? await readImages(someOf(data.validation, promptCount), {
          imageSize: imageSizeOf(tokenizer),
          onSkip: data.onSkip,
        })
      : undefined;
  const vectors = isOfNetwork
    ? await (liked ? conditioner.vectors.ofImages(liked) : conditioner.ofTexts(prompts!))
    : undefined;
  const rowCount = classCount ?? prompts?.length ?? liked?.shape[0] ?? 1;
  const rows = Array.from({ length: rowCount * perClass }, (_, image) => Math.floor(image / perClass));
  const ofEach = classCount !== undefined ? 'classes' : prompts ? 'captions' : liked ? 'real images' : undefined;
  view.log(`  ${perClass} images${ofEach === undefined ? '' : ` of each of ${rowCount} ${ofEach}`}`);
  if (conditioner instanceof Unconditional && choices.guidanceScale !== null) {
    view.log(`  guidance ${choices.guidanceScale} is left out: the transformer has no conditions to be guided by`);
  }
  if (usedCandidates(models, choices.candidates) < choices.candidates) {
    view.log(`  one candidate an image instead of ${choices.candidates}: the transformer tells no classes apart`);
  }
  try {
    const { tokens, images } = await generateImages(
      { tokenizer, model, conditioner },
      {
        ...choices,
        classes: classCount === undefined ? undefined : rows,
        prompts: vectors ? undefined : prompts && rows.map((row) => prompts[row]!),
        vectors: vectors && takeRows(vectors, vectors.length / rowCount, rows),
        seeds: rows.map((_, image) => firstSeed + (image % perClass)),
        signal,
      },
    );
    const file = join(folder.of('samples'), samplesFile);
    await writeSafetensors(file, new Map(Object.entries({ tokens, images, ...(liked && { liked }) })));
    return {
      perClass,
      firstSeed,
      classes: classCount === undefined ? null : rows,
      prompts: prompts ?? null,
      liked: liked?.shape[0] ?? 0,
    };
  } finally {
    models.dispose();
  }
}

/**
 * The images that the stage left.
 * @param name  `images`: what was drawn; `liked`: the real images that it was drawn after
 */
export async function readSamples(
  { folder }: { readonly folder: Pick<RunContext['folder'], 'of'> },
  name: 'images' | 'liked' = 'images',
): Promise<HostImages> {
  const { tensors } = await readSafetensors(join(folder.of('samples'), samplesFile));
  const { data, shape } = tensors.get(name)!;
  return { data: data as Float32Array, shape: shape as [number, number, number, number] };
}
