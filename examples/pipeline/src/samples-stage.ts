import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { readSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import { compile } from '@vitvq/engine';
import { conditionTensor, nullConditions, Sampler, type ImageTokens } from '@vitvq/stage2';
import { z } from 'zod';
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

/** Images `[classes x perClass, H, W, C]`, class after class, and their codes, in the stage's folder. */
const SAMPLES_FILE = 'samples.safetensors';

/** Images of every class from the same seeds, with classifier-free guidance. */
export async function generateImages(context: StageContext): Promise<SamplesResult> {
  const { settings, folder } = context;
  const perClass = samplesPerClass(settings);
  const firstSeed = settings.seed * perClass;
  const tokenizer = await openTokenizer(context);
  const { model, conditioner } = await openTransformer(context);
  const count = conditioner.classCount * perClass;
  const sampler = new Sampler(model);
  const decode = compile((codes: ImageTokens) => tokenizer.decode(codes), { name: 'decode', variables: 'frozen' });
  const classes = Array.from({ length: count }, (_, image) => Math.floor(image / perClass));
  const conditions = conditionTensor(conditioner, conditioner.encode(classes));
  const unconditional = nullConditions(conditioner, count);
  console.log(`  ${perClass} images of each of ${conditioner.classCount} classes`);
  try {
    const tokens = await sampler.sample({
      conditions,
      seeds: classes.map((_, image) => firstSeed + (image % perClass)),
      topK: Math.min(SAMPLING.topK, model.vocabSize),
      guidance: { scale: SAMPLING.guidanceScale, unconditional },
    });
    const images = await decode(tokens);
    await writeSafetensors(
      join(folder.of('samples'), SAMPLES_FILE),
      new Map([
        ['tokens', { shape: tokens.shape, data: (await tokens.data<'int32'>()).slice() }],
        ['images', { shape: images.shape, data: (await images.data<'float32'>()).slice() }],
      ]),
    );
    tf.dispose([tokens, images]);
    return { perClass, firstSeed };
  } finally {
    tf.dispose([conditions, unconditional]);
    decode.dispose();
    sampler.dispose();
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
