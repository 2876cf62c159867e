import { join } from 'node:path';
import { z } from 'zod';
import { readSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import { ImageGenerator } from '@vitvq/sampling';
import { SAMPLING, samplesPerClass } from './config.js';
import { openTransformer } from './gpt-stage.js';
import type { StageContext } from './stage-context.js';
import { openTokenizer } from './tokenizer-stage.js';

export const samplesSchema = z.strictObject({
  perClass: z.int(),
  /** Of the first image of each class; the second has the next one. */
  firstSeed: z.int(),
});
export type SamplesResult = z.output<typeof samplesSchema>;

/**
 * Images `[classes x perClass, H, W, C]`, class after class, and their codes, in the stage's
 * folder.
 */
const SAMPLES_FILE = 'samples.safetensors';

/** Images of every class from the same seeds, with classifier-free guidance. */
export async function generateImages(context: StageContext): Promise<SamplesResult> {
  const { settings, folder, signal } = context;
  const perClass = samplesPerClass(settings);
  const firstSeed = settings.seed * perClass;
  const tokenizer = await openTokenizer(context);
  const { model, conditioner } = await openTransformer(context);
  const count = conditioner.classCount * perClass;
  const generator = new ImageGenerator({ model, conditioner, tokenizer, batchSize: count });
  const classes = Array.from({ length: count }, (_, image) => Math.floor(image / perClass));
  console.log(`  ${perClass} images of each of ${conditioner.classCount} classes`);
  try {
    const { tokens, images } = await generator.generate({
      conditions: conditioner.encode(classes),
      seeds: classes.map((_, image) => firstSeed + (image % perClass)),
      topK: Math.min(SAMPLING.topK, model.vocabSize),
      guidanceScale: SAMPLING.guidanceScale,
      signal,
    });
    await writeSafetensors(join(folder.of('samples'), SAMPLES_FILE), new Map(Object.entries({ tokens, images })));
    return { perClass, firstSeed };
  } finally {
    generator.dispose();
    model.dispose();
    tokenizer.dispose();
  }
}

/** The images that the stage left. */
export async function readSamples({
  folder,
}: StageContext): Promise<{ data: Float32Array; shape: [number, number, number, number] }> {
  const { tensors } = await readSafetensors(join(folder.of('samples'), SAMPLES_FILE));
  const { data, shape } = tensors.get('images')!;
  return { data: data as Float32Array, shape: shape as [number, number, number, number] };
}
