import { foldIn, randomInts, randomKey } from '@vitvq/core';
import { createBatches } from '@vitvq/data';
import { createClassifier } from '@vitvq/classifier';
import { createClassifierTrainer } from '@vitvq/classifier-trainer';
import { useEngine, type EngineName, type MeshOptions } from '@vitvq/engine';
import { madeUpImages } from '@vitvq/example-shared';
import { createTokenizerTrainer, QUICKSTART_TRAINING } from '@vitvq/stage1-trainer';
import { createTransformerTrainer, QUICKSTART_TRANSFORMER_TRAINING } from '@vitvq/stage2-trainer';
import { createTokenizer } from '@vitvq/tokenizer';
import { ClassConditioner, GPT } from '@vitvq/transformers';

/**
 * Largest difference of a loss to the one of the reference, relative to it. Both round in their own
 * order, and each step starts from the weights of the one before; a discriminator and a choice of
 * codes make more of a rounding than a transformer does.
 */
export const tolerances = { tokenizer: 2e-3, discriminator: 2e-3, transformer: 1e-4, classifier: 1e-4 } as const;

/** A loss that is compared. */
export type LossName = keyof typeof tolerances;

/** Losses of ten steps. */
export type Losses = Readonly<Record<LossName, readonly number[]>>;

const steps = 10;

/** Trains a tokenizer against a discriminator, with R1, on pictures of colours. */
async function tokenizerLosses(): Promise<Pick<Losses, 'tokenizer' | 'discriminator'>> {
  const imageSize = 16;
  const size = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 };
  const quantizer = { kind: 'vector', codebookSize: 32, codeDim: 8, trackUsage: true } as const;
  const model = { architecture: 'vit', imageSize, patchSize: 4, encoder: size, decoder: size, quantizer } as const;
  const tokenizer = createTokenizer(model, { seed: 1 });
  const images = madeUpImages({ count: 64, imageSize });
  const key = randomKey(2);
  const batches = { batchSize: 8, imageSize, resizeTo: imageSize, crop: 'center', flip: true, shuffle: true } as const;
  const trainer = createTokenizerTrainer({
    tokenizer,
    config: {
      ...QUICKSTART_TRAINING,
      duration: { steps },
      seed: 3,
      losses: { l2: 1, quantizer: 1, adversarial: 0.1 },
      discriminator: {
        model: { kind: 'style', size: imageSize, channels: { width: 4 } },
        r1: { weight: 0.01, every: 4 },
      },
    },
    openBatches: (startAt) => createBatches(images, { ...batches, key, startAt }),
  });
  const losses: Record<'tokenizer' | 'discriminator', number[]> = { tokenizer: [], discriminator: [] };
  trainer.on('step', ({ values }) => {
    losses.tokenizer.push(values['loss']!);
    losses.discriminator.push(values['discriminator']!);
  });
  await trainer.run();
  trainer.dispose();
  tokenizer.dispose();
  return losses;
}

/** Trains a classifier of pictures of colours, in micro-batches. */
async function classifierLosses(): Promise<readonly number[]> {
  const imageSize = 16;
  const size = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 };
  const classifier = createClassifier({ imageSize, patchSize: 4, classes: 4, ...size }, { seed: 7 });
  const images = madeUpImages({ count: 64, imageSize });
  const batches = { batchSize: 8, imageSize, resizeTo: imageSize, crop: 'center', flip: true, shuffle: true } as const;
  const trainer = createClassifierTrainer({
    classifier,
    config: {
      duration: { steps },
      learningRate: { peak: 1e-3, end: 0, warmup: 0.1 },
      optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.05 },
      clipNorm: 1,
      accumulate: 2,
      seed: 8,
    },
    openBatches: (startAt) => createBatches(images, { ...batches, key: randomKey(9), startAt }),
  });
  const losses: number[] = [];
  trainer.on('step', ({ values }) => void losses.push(values['loss']!));
  await trainer.run();
  trainer.dispose();
  classifier.dispose();
  return losses;
}

/** Trains a GPT on tokens of classes. */
async function transformerLosses(): Promise<readonly number[]> {
  const [vocabSize, grid, classCount, batchSize] = [32, [4, 4], 3, 8] as const;
  const conditioner = new ClassConditioner({ classCount });
  const size = { dim: 32, depth: 2, numHeads: 2 };
  const model = new GPT({ vocabSize, grid, conditionVocabSize: conditioner.vocabSize, ...size, key: randomKey(4) });
  const trainer = createTransformerTrainer({
    model,
    conditioner,
    config: { ...QUICKSTART_TRANSFORMER_TRAINING, duration: { steps }, seed: 5 },
    openBatches: (position) => ({
      next: async () => ({
        tokens: randomInts(foldIn(randomKey(6), position++), batchSize * 16, vocabSize),
        shape: [batchSize, 16],
        labels: Int32Array.from({ length: batchSize }, (_, row) => row % classCount),
      }),
      close: () => undefined,
    }),
  });
  const losses: number[] = [];
  trainer.on('step', ({ values }) => void losses.push(values['loss']!));
  await trainer.run();
  trainer.dispose();
  model.dispose();
  return losses;
}

/**
 * Trains both stages and a classifier for ten steps on an engine; the same models, data and seeds
 * each time.
 */
export async function trainTenSteps(engine: EngineName, mesh?: MeshOptions): Promise<Losses> {
  await useEngine({ name: engine, mesh, onCompile: () => undefined });
  return {
    ...(await tokenizerLosses()),
    transformer: await transformerLosses(),
    classifier: await classifierLosses(),
  };
}

/** How far the losses of an engine are from the reference's. */
export interface LossDifference {
  readonly name: LossName;
  /** Largest relative difference of a step. */
  readonly difference: number;
  readonly agrees: boolean;
}

/** Compares the losses of an engine with those of the reference, step by step. */
export function compareLosses(expected: Losses, got: Losses): LossDifference[] {
  return (Object.keys(tolerances) as LossName[]).map((name) => {
    const values = expected[name];
    const differences = values.map((value, step) => Math.abs((got[name][step] ?? NaN) - value) / Math.abs(value));
    const difference = differences.some(Number.isNaN) ? NaN : Math.max(...differences);
    return { name, difference, agrees: values.length === steps && difference <= tolerances[name] };
  });
}

/** Formats the losses of all engines as a table, a line a step. */
export function formatLosses(all: ReadonlyMap<string, Losses>): string {
  const names = Object.keys(tolerances) as LossName[];
  const width = Math.max(13, ...[...all.keys()].map((engine) => engine.length));
  const tables = names.map((name) => {
    const header = [name.padEnd(13), ...[...all.keys()].map((engine) => engine.padStart(width))].join(' ');
    const rows = Array.from({ length: steps }, (_, step) => {
      const cells = [...all.values()].map((losses) => (losses[name][step]?.toPrecision(8) ?? '-').padStart(width));
      return [`step ${step + 1}`.padEnd(13), ...cells].join(' ');
    });
    return [header, ...rows].join('\n');
  });
  return tables.join('\n\n');
}
