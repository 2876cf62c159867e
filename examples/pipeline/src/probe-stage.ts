import type * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { createBatches, type ImageDataset } from '@vitvq/data';
import { imageRange } from '@vitvq/example-shared';
import {
  blockFeatures,
  collectFeatures,
  compileFeatures,
  evaluateProbe,
  holdOut,
  hostBatches,
  pixelFeatures,
  probeBlocks,
  untrainedFeatures,
  type BlockProbe,
  type FeatureSet,
  type LabelledBatch,
  type LayerSweep,
  type NamedFeatures,
} from '@vitvq/linear-probe';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { nullConditions, type AutoregressiveModel, type Conditioner, type ImageTokens } from '@vitvq/transformers';
import { batchSizesOf, createTransformer, imageSizeOf, keyOf, PROBE, samplesPerClass, type Amounts } from './config.js';
import { openTransformer } from './gpt-stage.js';
import { readSamples } from './samples-stage.js';
import type { StageContext } from './stage-context.js';
import { openTokenizer } from './tokenizer-stage.js';

const fraction = z.number().min(0).max(1);

const blockSchema = z.strictObject({
  block: z.string(),
  kind: z.enum(['tokenizer', 'model', 'pixels', 'untrained']),
  dim: z.int(),
  l2: z.number(),
  validationTop1: fraction,
  top1: fraction,
  interval: z.strictObject({ low: fraction, high: fraction }),
  top5: fraction,
});

export const probeSchema = z.strictObject({
  /** In the order in which an image goes through the models, baselines after them. */
  blocks: z.array(blockSchema),
  /**
   * Names of blocks: the best by validation of the transformer and of its untrained twin, and the
   * raw pixels.
   */
  best: z.string(),
  untrained: z.string(),
  pixels: z.string(),
  /**
   * The best by validation of the tokenizer's encoder. A run whose probe did not look at the
   * tokenizer yet has none.
   */
  encoder: z.string().optional(),
  /** Of the best block: test images of class row that were taken for class column. */
  confusion: z.array(z.array(z.int())),
  samples: z.strictObject({ train: z.int(), validation: z.int(), test: z.int() }),
  /**
   * Fraction of the generated images that the best block's probe takes for the class that they were
   * asked for.
   */
  generatedTop1: fraction,
  warnings: z.array(z.string()),
});
export type ProbeResult = z.output<typeof probeSchema>;

export interface ProbedModels {
  readonly tokenizer: VQTokenizer;
  readonly model: AutoregressiveModel;
  /** The same network as it was before its training. */
  readonly untrained: AutoregressiveModel;
  readonly conditioner: Conditioner;
}

/**
 * Of the tokenizer: every block of the encoder, the latents and their codes. The embedding is
 * linear in the pixels, so that its average knows no more than theirs, and the final norm is the
 * last block over again.
 */
function probedStages({ featureNames }: Pick<VQTokenizer, 'featureNames'>): string[] {
  return featureNames.filter((name) => /^(encoder\.blocks\.\d+|latents|quantized)$/.test(name));
}

/**
 * Features of images `[B, H, W, C]`: stages of the tokenizer, every block of the transformer on the
 * image's codes, of its untrained twin, and raw pixels. Of an RQTransformer, the blocks over
 * positions: those over levels see one position at a time.
 *
 * The transformer is class-conditional: with the class of the image before its codes, every feature
 * would hold the label, and the probe would read it off and be right for all images. So the null
 * token stands where the class would, for every image, the input that training shows the model
 * whenever it drops a class. This function gets images and nothing else: there is no label that
 * could leak.
 */
export function probedFeatures({
  tokenizer,
  model,
  untrained,
  conditioner,
}: ProbedModels): (images: tf.Tensor4D) => NamedFeatures {
  return (images) => {
    // Compiling merges equal operations, so that the encoder runs once for both.
    const ofTokenizer = tokenizer.features(images);
    const tokens: ImageTokens = tokenizer.encode(images);
    const noClass = nullConditions(conditioner, images.shape[0]);
    return {
      ...Object.fromEntries(probedStages(tokenizer).map((name) => [name, ofTokenizer[name]!])),
      ...overPositions(model.features(noClass, tokens)),
      ...untrainedFeatures(overPositions(untrained.features(noClass, tokens))),
      ...pixelFeatures(images, { pool: PROBE.pixelPool }),
    };
  };
}

function overPositions(features: NamedFeatures): NamedFeatures {
  return Object.fromEntries(Object.entries(features).filter(([name]) => !name.startsWith('depth.')));
}

/**
 * What the frozen blocks know of classes (arXiv:2110.04627, sec. 4.2), on images that neither
 * tokenizer nor GPT has seen.
 */
export async function probeModels(context: StageContext, amounts: Amounts): Promise<ProbeResult> {
  const { settings, images, signal } = context;
  const tokenizer = await openTokenizer(context);
  const { model, conditioner } = await openTransformer(context);
  const untrained = createTransformer(model, conditioner.vocabSize, settings);
  const features = compileFeatures(probedFeatures({ tokenizer, model, untrained, conditioner }), {
    variables: 'frozen',
  });
  try {
    console.log(`  features of ${amounts.probe} images to learn from and ${amounts.probeTest} to test on`);
    const collected = await collectFeatures(features, labelled(imageRange(images.probe, 0, amounts.probe), context));
    const test = await collectFeatures(features, labelled(imageRange(images.test, 0, amounts.probeTest), context));
    const split = { fraction: PROBE.validationFraction, key: keyOf(settings, 'holdOut') };
    const { train, heldOut: validation } = holdOut(collected, split);
    const probe = (isProbed: (block: string) => boolean): Promise<LayerSweep> =>
      probeBlocks(
        {
          train: blocksOf(train, isProbed),
          validation: blocksOf(validation, isProbed),
          test: blocksOf(test, isProbed),
        },
        {
          classes: conditioner.classCount,
          l2: PROBE.l2,
          // Squared error alone: no perceptual network, which would have learned from labels.
          tokenizerSawLabels: false,
          onBlock: ({ block, test: { top1 } }) => {
            console.log(`  ${block}: top-1 ${(100 * top1).toFixed(1)} %`);
            signal.throwIfAborted();
          },
        },
      );
    // Apart from the transformer's, so that the best block is the transformer's and the warnings
    // compare it with its baselines.
    const stages = probedStages(tokenizer);
    const ofTokenizer = await probe((block) => stages.includes(block));
    const sweep = await probe((block) => !stages.includes(block));
    const { data, shape } = await readSamples(context);
    const perClass = samplesPerClass(settings);
    const asked = Array.from({ length: shape[0] }, (_, image) => Math.floor(image / perClass));
    const generated = await collectFeatures(
      features,
      hostBatches({ data, shape }, asked, { batchSize: Math.min(batchSizesOf(settings).evaluation, shape[0]) }),
    );
    const { block } = sweep.best!;
    const { top1 } = evaluateProbe(sweep.probes.get(block)!, blockFeatures(generated, block));
    return { ...resultOf(sweep, ofTokenizer), generatedTop1: top1 };
  } finally {
    features.dispose();
    untrained.dispose();
    model.dispose();
    tokenizer.dispose();
  }
}

/** Images with their classes, in their order. */
async function* labelled(
  source: ImageDataset,
  { settings, signal }: StageContext,
): AsyncGenerator<LabelledBatch, void, undefined> {
  const imageSize = imageSizeOf(settings);
  const { evaluation: batchSize } = batchSizesOf(settings);
  for await (const batch of createBatches(source, { batchSize, imageSize, lastBatch: 'pad', epochs: 1 })) {
    signal.throwIfAborted();
    yield { inputs: { shape: batch.shape, data: batch.images }, labels: batch.labels, count: batch.count };
  }
}

function blocksOf(set: FeatureSet, isProbed: (block: string) => boolean): FeatureSet {
  return { ...set, blocks: new Map([...set.blocks].filter(([block]) => isProbed(block))) };
}

function resultOf(
  { blocks, best, pixels, untrained, samples, warnings }: LayerSweep,
  ofTokenizer: LayerSweep,
): Omit<ProbeResult, 'generatedTop1'> {
  const encoder = ofTokenizer.blocks
    .filter(({ block }) => block.startsWith('encoder.'))
    .reduce((first, block) => (block.chosen.validationTop1 > first.chosen.validationTop1 ? block : first));
  return {
    blocks: [
      ...ofTokenizer.blocks.map((block) => ({ ...rowOf(block), kind: 'tokenizer' as const })),
      ...blocks.map(rowOf),
    ],
    best: best!.block,
    untrained: untrained!.block,
    pixels: pixels!.block,
    encoder: encoder.block,
    confusion: best!.test.confusion.map((row) => [...row]),
    samples,
    warnings: [...new Set([...ofTokenizer.warnings, ...warnings])],
  };
}

function rowOf({
  block,
  kind,
  dim,
  chosen: { l2, validationTop1 },
  test: { top1, top5, interval },
}: BlockProbe): ProbeResult['blocks'][number] {
  return { block, kind, dim, l2, validationTop1, top1, interval, top5 };
}
