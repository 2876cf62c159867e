import * as tf from '@tensorflow/tfjs-core';
import { audit, formatAuditReport, type Mesh } from '@vitvq/engine';
import {
  elementCount,
  randomInts,
  randomKey,
  randomUniform,
  toSize2D,
  type BatchSource,
  type CodeBatch,
  type ImageBatch,
} from '@vitvq/core';
import { createTokenizerGradients, createTokenizerTrainer } from '@vitvq/stage1-trainer';
import { createTransformerGradients, createTransformerTrainer } from '@vitvq/stage2-trainer';
import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import {
  conditionInput,
  nullConditions,
  repeat,
  type Conditions,
  type ConditionValues,
  type ImageTokens,
} from '@vitvq/transformers';
import { conditionsOf } from './conditions.js';
import { tokensOf } from './tokens-of.js';
import type { ResolvedRunConfig, ResolvedTransformerStage, TrainedTokenizerConfig } from './config/run-config.js';
import { simulateDevices, type DeviceLinks, type SimulatedStep } from './simulate-devices.js';
import { createUntrained } from './stages/transformer-stage.js';

/** Plan of one training. */
export interface TrainingPlan {
  readonly stage: 'tokenizer' | 'transformer';
  /** Number of weights that are trained; of the tokenizer without its discriminator. */
  readonly parameters: number;
  /** Bytes of weights, gradients, two moments of the optimizer and, where there is one, the EMA. */
  readonly stateBytes: number;
  readonly batchSize: number;
  /** Median seconds of a step; undefined where nothing was measured. */
  readonly secondsPerStep: number | undefined;
  /** Largest memory of this process so far, in bytes. */
  readonly peakBytes: number | undefined;
  /** Steps of the run; an estimate where it is limited by time. */
  readonly steps: number | undefined;
  /** Days to the end. */
  readonly days: number | undefined;
  /** A schedule that fits into the hours asked for. */
  readonly smaller: SmallerSchedule | undefined;
  /** A step on several devices, on paper; empty where none was asked for, or nothing is known. */
  readonly simulated: readonly SimulatedStep[];
  /** What the engine can and cannot do of the training's gradients, in sentences. */
  readonly audit: string;
}

/** A schedule with fewer images and smaller batches. */
export interface SmallerSchedule {
  readonly hours: number;
  readonly batchSize: number;
  readonly steps: number;
  /** Peak of the learning rate: that of the config times the root of the ratio of batch sizes. */
  readonly peakLearningRate: number;
  /** Share of the images that the config's own schedule would show. */
  readonly shareOfImages: number;
}

/** Options of {@link plan}. */
export interface PlanOptions {
  /** Hours that the smaller schedule may take. @default 8 */
  readonly hours?: number;
  /** Steps that are measured, after two that are not; 0: none. @default 3 */
  readonly measuredSteps?: number;
  /** Number of classes of the images, for a transformer of classes. @default 1000 */
  readonly classCount?: number;
  /**
   * Config with the tokenizer, for a transformer whose config names a tokenizer that is not there
   * yet. @default the tokenizer of the config
   */
  readonly tokenizerOf?: Pick<ResolvedRunConfig, 'tokenizer'>;
  /** Devices to simulate. @default none */
  readonly simulated?: SimulationOptions | undefined;
}

/** Devices on which a step is simulated. */
export interface SimulationOptions {
  /** Numbers of devices. */
  readonly devices: readonly number[];
  readonly links: DeviceLinks;
  /** Seconds that one device takes for an image. @default those that are measured here */
  readonly secondsPerImage?: number | undefined;
}

/** Steps before those that are measured: they compile and warm up. */
const warmup = 2;

/** Bytes of float32. */
const bytesOfValue = 4;

/** Images a step of the smaller schedule, at most. */
const smallBatch = 32;

/**
 * Measures the trainings of a config on made-up images of the right size, before a run begins:
 * weights, memory, seconds a step and days to the end, a smaller schedule that fits, and what the
 * current engine cannot do. A discriminator counts from the first step on, as in the longer part of
 * a run.
 */
export async function plan(config: ResolvedRunConfig, options: PlanOptions = {}): Promise<TrainingPlan[]> {
  const { tokenizer: stage, transformer } = config;
  const plans: TrainingPlan[] = [];
  if (!('from' in stage)) plans.push(await planTokenizer(config, stage, options));
  if (transformer !== undefined) {
    const { tokenizer } = 'from' in stage ? (options.tokenizerOf ?? config) : config;
    plans.push(await planTransformer({ ...config, tokenizer }, transformer, options));
  }
  return plans;
}

async function planTokenizer(
  { seed, precision, mesh }: ResolvedRunConfig,
  { model, training }: TrainedTokenizerConfig,
  options: PlanOptions,
): Promise<TrainingPlan> {
  const { measuredSteps = 3 } = options;
  const { batchSize, evaluation: _e, checkpoint: _c, images: _i, perceptual: _p, ...others } = training;
  const { alignment: _a, discriminator, ...rest } = others;
  const tokenizer: VQTokenizer = createTokenizer(model, { seed });
  try {
    const [height, width] = toSize2D(model.imageSize);
    const shape: [number, number, number, number] = [batchSize, height, width, model.channels ?? 3];
    const begun = discriminator && {
      discriminator: { ...discriminator, start: { step: 0 }, adversarialStart: { step: 0 } },
    };
    // Left out: networks whose weights may not be there before the run.
    const losses = { ...rest.losses, perceptual: 0, alignment: 0 };
    const gradients = createTokenizerGradients({ tokenizer, weights: { ...losses, adversarial: 0 } });
    const noiseShape = tokenizer.noiseShape(1);
    const step = (images: tf.Tensor4D, noise?: tf.Tensor): tf.Tensor[] => [
      ...gradients(images, { noise }).gradients.values(),
    ];
    const report = await audit(step, {
      arguments: [
        tf.zeros<tf.Rank.R4>([1, ...shape.slice(1)] as typeof shape),
        noiseShape && tf.zeros([...noiseShape]),
      ],
      precision,
      name: 'training of the tokenizer',
    });
    const seconds = await measure(measuredSteps, (steps) =>
      createTokenizerTrainer({
        tokenizer,
        config: { ...rest, ...begun, losses, duration: { steps }, seed, precision },
        openBatches: () => madeUpImages(shape),
        tensorBoard: false,
      }),
    );
    const facts = { stage: 'tokenizer', parameters: tokenizer.parameterCount(), training, seconds, options } as const;
    const values = blockValuesOf(tokenizer.grid, [model.encoder, model.decoder]);
    return planOf({ ...facts, mesh, blockValues: values, audit: formatAuditReport(report) });
  } finally {
    tokenizer.dispose();
  }
}

async function planTransformer(
  config: ResolvedRunConfig,
  stage: ResolvedTransformerStage,
  options: PlanOptions,
): Promise<TrainingPlan> {
  const { measuredSteps = 3, classCount = 1000 } = options;
  const { seed, precision, mesh } = config;
  const { batchSize, evaluation: _e, checkpoint: _c, ...learning } = stage.training;
  const { vocabSize, grid, codeDepth } = await tokensOf(config);
  const classNames = Array.from({ length: classCount }, (_, index) => String(index));
  const captions = ['a made-up caption'];
  const conditions = await conditionsOf(stage, { name: 'plan', classNames, captions }, seed);
  const { conditioner } = conditions;
  const model = createUntrained(stage, { vocabSize, grid, codeDepth }, conditioner, seed);
  try {
    const tokens = grid[0] * grid[1];
    const shapeOf = (count: number): number[] => (codeDepth === 1 ? [count, tokens] : [count, tokens, codeDepth]);
    const gradients = createTransformerGradients({ model, conditioner });
    const report = await audit(
      (conditions: Conditions, codes: ImageTokens) => [...gradients(conditions, codes).gradients.values()],
      {
        arguments: [nullConditions(conditioner, 1), tf.zeros<tf.Rank>(shapeOf(1), 'int32') as ImageTokens],
        precision,
        name: 'training of the transformer',
      },
    );
    const seconds = await measure(measuredSteps, (steps) =>
      createTransformerTrainer({
        model,
        conditioner,
        config: { ...learning, duration: { steps }, seed, precision },
        openBatches: () =>
          madeUpCodes(shapeOf(batchSize), vocabSize, classCount, conditionInput(conditioner).nullValues),
        tensorBoard: false,
      }),
    );
    const facts = { stage: 'transformer', parameters: model.parameterCount(), options, seconds } as const;
    const values = blockValuesOf(grid, [stage.model]);
    return planOf({ ...facts, training: stage.training, mesh, blockValues: values, audit: formatAuditReport(report) });
  } finally {
    model.dispose();
    conditions.dispose();
  }
}

/** The part of a trainer that is measured. */
interface MeasuredTrainer {
  on(event: 'step', listener: () => void): unknown;
  run(): Promise<unknown>;
  dispose(): void;
}

/** Returns the median of the seconds of the measured steps; undefined without any. */
async function measure(measuredSteps: number, create: (steps: number) => MeasuredTrainer): Promise<number | undefined> {
  if (measuredSteps === 0) return undefined;
  const trainer = create(warmup + measuredSteps);
  const times: number[] = [];
  trainer.on('step', () => times.push(performance.now()));
  try {
    await trainer.run();
  } finally {
    trainer.dispose();
  }
  const seconds = times
    .slice(1)
    .map((time, index) => (time - times[index]!) / 1000)
    .slice(warmup - 1)
    .sort((a, b) => a - b);
  return seconds[Math.floor(seconds.length / 2)];
}

interface PlanFacts {
  readonly stage: TrainingPlan['stage'];
  readonly parameters: number;
  readonly training: Pick<TrainedTokenizerConfig['training'], 'batchSize' | 'duration' | 'learningRate' | 'ema'>;
  readonly seconds: number | undefined;
  readonly options: PlanOptions;
  readonly mesh: Mesh;
  readonly blockValues: number;
  readonly audit: string;
}

/** Returns the number of values that leave the blocks of transformers over a grid of tokens. */
function blockValuesOf([rows, columns]: readonly [number, number], networks: readonly object[]): number {
  const sizes = networks.map((network) => network as { readonly dim?: number; readonly depth?: number });
  return sizes.reduce((sum, { dim = 0, depth = 0 }) => sum + rows * columns * dim * depth, 0);
}

/** Simulates the devices that were asked for; none where the time of an image is not known. */
function simulate(
  { parameters, training: { batchSize }, seconds, options, mesh, blockValues }: PlanFacts,
  valuesPerWeight: number,
): SimulatedStep[] {
  const { devices = [], links, secondsPerImage = seconds && seconds / batchSize } = options.simulated ?? {};
  if (links === undefined || secondsPerImage === undefined) return [];
  const simulated = { secondsPerImage, parameters, valuesPerWeight, batchSize, blockValues };
  return devices.map((count) => simulateDevices(simulated, links, count, mesh));
}

function planOf(facts: PlanFacts): TrainingPlan {
  const { stage, parameters, training, seconds, options, audit: findings } = facts;
  const { batchSize, duration, learningRate, ema } = training;
  const { hours = 8 } = options;
  const copies = ema === null ? 4 : 5;
  const steps = 'steps' in duration ? duration.steps : seconds && Math.round((60 * duration.minutes) / seconds);
  const days = 'minutes' in duration ? duration.minutes / 1440 : seconds && (duration.steps * seconds) / 86_400;
  return {
    stage,
    parameters,
    stateBytes: copies * bytesOfValue * parameters,
    batchSize,
    secondsPerStep: seconds,
    peakBytes: seconds && 1024 * process.resourceUsage().maxRSS,
    steps,
    days,
    smaller:
      seconds === undefined
        ? undefined
        : smallerSchedule({ batchSize, steps, seconds, hours, peak: learningRate.peak }),
    simulated: simulate(facts, copies),
    audit: findings,
  };
}

interface SmallerFacts {
  readonly batchSize: number;
  readonly steps: number | undefined;
  readonly seconds: number;
  readonly hours: number;
  readonly peak: number;
}

/**
 * Returns a schedule for the hours: batches of at most `smallBatch` images, whose step takes its
 * share of the measured one, and a learning rate that follows the root of the batch size, as suits
 * Adam (Malladi et al. 2022, arXiv:2205.10287). Undefined where the config's own schedule fits.
 */
function smallerSchedule({ batchSize, steps, seconds, hours, peak }: SmallerFacts): SmallerSchedule | undefined {
  if (steps === undefined || steps * seconds <= 3600 * hours) return undefined;
  const smaller = Math.min(batchSize, smallBatch);
  const affordable = Math.max(1, Math.floor((3600 * hours) / (seconds * (smaller / batchSize))));
  const count = Math.min(affordable, Math.floor((steps * batchSize) / smaller));
  return {
    hours,
    batchSize: smaller,
    steps: count,
    peakLearningRate: peak * Math.sqrt(smaller / batchSize),
    shareOfImages: (count * smaller) / (steps * batchSize),
  };
}

function madeUpImages(shape: [number, number, number, number]): BatchSource<ImageBatch> {
  const images = Float32Array.from(randomUniform(randomKey(0), elementCount(shape)));
  return { next: () => Promise.resolve({ images: images.slice(), shape }), close: () => undefined };
}

function madeUpCodes(
  shape: readonly number[],
  vocabSize: number,
  classCount: number,
  nullValues: ConditionValues,
): BatchSource<CodeBatch> {
  const tokens = randomInts(randomKey(0), elementCount(shape), vocabSize);
  const labels = Int32Array.from({ length: shape[0]! }, (_, index) => index % classCount);
  // What the conditions say does not matter here, only how many there are.
  const conditions = repeat(nullValues, shape[0]!);
  return {
    next: () =>
      Promise.resolve({ tokens: tokens.slice(), labels: labels.slice(), conditions: conditions.slice(), shape }),
    close: () => undefined,
  };
}
