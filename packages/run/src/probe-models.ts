import { createBatches, type ImageDataset, type SkippedImage } from '@vitvq/data';
import {
  blockFeatures,
  collectFeatures,
  compileFeatures,
  evaluateProbe,
  holdOut,
  hostBatches,
  probeBlocks,
  probeTokens,
  type BlockProbe,
  type FeatureSet,
  type LabelledBatch,
  type LayerSweep,
} from '@vitvq/linear-probe';
import { ConfigError, type HostImages } from '@vitvq/core';
import { z } from 'zod';
import type { ResolvedRunConfig } from './config/run-config.js';
import { CountProgress } from './count-progress.js';
import { imageSizeOf } from './image-size.js';
import { keyOf } from './keys.js';
import { probedFeatures, probedStages, type ProbedModels } from './probed-features.js';
import type { RunView } from './run-progress.js';

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
  /** Of nearest neighbours on the same features; null where they were not asked. */
  nearestTop1: fraction.nullable(),
});

/** What probing the models came to. */
export const probeResultSchema = z.strictObject({
  /** In the order in which an image goes through the models, baselines after them. */
  blocks: z.array(blockSchema),
  /**
   * Names of blocks: the best by validation of the transformer and of its untrained twin, and the
   * raw pixels.
   */
  best: z.string(),
  untrained: z.string(),
  pixels: z.string(),
  /** The best by validation of the tokenizer's encoder. */
  encoder: z.string(),
  /** Of the best block: test images of class row that were taken for class column. */
  confusion: z.array(z.array(z.int())),
  samples: z.strictObject({ train: z.int(), validation: z.int(), test: z.int() }),
  /** Of the best block with attentive pooling; null where it was not asked for. */
  attention: z
    .strictObject({ block: z.string(), top1: fraction, interval: z.strictObject({ low: fraction, high: fraction }) })
    .nullable(),
  /**
   * Fraction of the generated images that the best block's probe takes for the class that they were
   * asked for; null where no classes were asked for.
   */
  generatedTop1: fraction.nullable(),
  warnings: z.array(z.string()),
});

/** Result of {@link probeModels}. */
export type ProbeResult = z.output<typeof probeResultSchema>;

/** Options of {@link probeModels}. */
export interface ProbeModelsOptions {
  readonly models: ProbedModels;
  /** Images that the probe learns from, part of which chooses penalties and the best block. */
  readonly train: ImageDataset;
  readonly test: ImageDataset;
  readonly probe: Pick<
    NonNullable<ResolvedRunConfig['probe']>,
    'validationFraction' | 'l2' | 'pixelPool' | 'neighbors' | 'attention'
  >;
  readonly seed: number;
  readonly batchSize: number;
  /** Whether a network that learned from labels, such as LPIPS's, had a part in the training. */
  readonly tokenizerSawLabels: boolean;
  /** Images that were generated for a class each. @default none */
  readonly generated?: { readonly images: HostImages; readonly classes: readonly number[] };
  readonly view: RunView;
  readonly onSkip: (image: SkippedImage) => void;
  readonly signal: AbortSignal;
}

/**
 * Measures what the frozen blocks know of classes with linear probes (arXiv:2110.04627, sec. 4.2).
 * @throws {ConfigError} for images of fewer than two classes
 */
export async function probeModels(options: ProbeModelsOptions): Promise<ProbeResult> {
  const { models, train: learnt, test: tested, probe, seed, tokenizerSawLabels, generated, view, signal } = options;
  const classes = learnt.classNames.length;
  if (classes < 2) {
    throw new ConfigError({
      where: learnt.name,
      expected: 'images of two classes or more to probe for',
      got: String(classes),
      fix: 'A sub-folder is a class.',
    });
  }
  const ofImages = probedFeatures(models, probe.pixelPool);
  const features = compileFeatures(ofImages, { variables: 'frozen' });
  try {
    view.log(`  features of ${learnt.length} images to learn from and ${tested.length} to test on`);
    const collected = await collectFeatures(features, labelled(learnt, options));
    const test = await collectFeatures(features, labelled(tested, options));
    const split = { fraction: probe.validationFraction, key: keyOf(seed, 'probeHoldOut') };
    const { train, heldOut: validation } = holdOut(collected, split);
    const sweepOf = (isProbed: (block: string) => boolean): Promise<LayerSweep> =>
      probeBlocks(
        {
          train: blocksOf(train, isProbed),
          validation: blocksOf(validation, isProbed),
          test: blocksOf(test, isProbed),
        },
        {
          classes,
          l2: [...probe.l2],
          neighbors: probe.neighbors,
          tokenizerSawLabels,
          onBlock: ({ block, test: { top1 } }) => {
            view.log(`  ${block}: top-1 ${(100 * top1).toFixed(1)} %`);
            signal.throwIfAborted();
          },
        },
      );
    // Apart from the transformer's, so that the best block is the transformer's and the warnings
    // compare it with its baselines.
    const stages = probedStages(models.tokenizer);
    const ofTokenizer = await sweepOf((block) => stages.includes(block));
    const sweep = await sweepOf((block) => !stages.includes(block));
    let generatedTop1: number | null = null;
    if (generated !== undefined) {
      const { images, classes: asked } = generated;
      const batchSize = Math.min(options.batchSize, images.shape[0]);
      const drawn = await collectFeatures(features, hostBatches(images, [...asked], { batchSize }));
      const { block } = sweep.best!;
      generatedTop1 = evaluateProbe(sweep.probes.get(block)!, blockFeatures(drawn, block)).top1;
    }
    const { block } = sweep.best!;
    const attended = probe.attention
      ? await probeTokens(ofImages, block, {
          train: () => labelled(learnt, options),
          test: () => labelled(tested, options),
          classes,
          l2: [...probe.l2],
          split,
        })
      : undefined;
    const attention = attended ? { block, top1: attended.test.top1, interval: attended.test.interval } : null;
    return { ...resultOf(sweep, ofTokenizer), generatedTop1, attention };
  } finally {
    features.dispose();
  }
}

/** Images with their classes, in their order. */
async function* labelled(
  source: ImageDataset,
  { models, batchSize, view, onSkip, signal }: ProbeModelsOptions,
): AsyncGenerator<LabelledBatch, void, undefined> {
  const imageSize = imageSizeOf(models.tokenizer);
  const progress = new CountProgress(view.openProgress({ show: [], signal }), source.length);
  let done = 0;
  try {
    for await (const batch of createBatches(source, { batchSize, imageSize, lastBatch: 'pad', epochs: 1, onSkip })) {
      signal.throwIfAborted();
      yield { inputs: { shape: batch.shape, data: batch.images }, labels: batch.labels, count: batch.count };
      progress.update((done += batch.count));
    }
  } finally {
    progress.stop();
  }
}

function blocksOf(set: FeatureSet, isProbed: (block: string) => boolean): FeatureSet {
  return { ...set, blocks: new Map([...set.blocks].filter(([block]) => isProbed(block))) };
}

function resultOf(
  { blocks, best, pixels, untrained, samples, warnings }: LayerSweep,
  ofTokenizer: LayerSweep,
): Omit<ProbeResult, 'generatedTop1' | 'attention'> {
  // Encoders without named blocks have latents all the same.
  const encoder = ofTokenizer.blocks.reduce((first, block) =>
    block.chosen.validationTop1 > first.chosen.validationTop1 ? block : first,
  );
  return {
    blocks: [
      ...ofTokenizer.blocks.map((block) => ({ ...rowOf(block), kind: 'tokenizer' as const })),
      ...blocks.map(rowOf),
    ],
    best: best!.block,
    untrained: untrained!.block,
    pixels: pixels!.block,
    encoder: bestEncoderBlock(ofTokenizer) ?? encoder.block,
    confusion: best!.test.confusion.map((row) => [...row]),
    samples,
    warnings: [...new Set([...ofTokenizer.warnings, ...warnings])],
  };
}

function bestEncoderBlock({ blocks }: LayerSweep): string | undefined {
  const ofEncoder = blocks.filter(({ block }) => block.startsWith('encoder.'));
  if (ofEncoder.length === 0) return undefined;
  return ofEncoder.reduce((first, block) => (block.chosen.validationTop1 > first.chosen.validationTop1 ? block : first))
    .block;
}

function rowOf({
  block,
  kind,
  dim,
  chosen: { l2, validationTop1 },
  test: { top1, top5, interval },
  nearest,
}: BlockProbe): ProbeResult['blocks'][number] {
  return { block, kind, dim, l2, validationTop1, top1, interval, top5, nearestTop1: nearest?.top1 ?? null };
}
