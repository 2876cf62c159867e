import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import {
  ConfigError,
  foldIn,
  formatShape,
  randomKey,
  randomUniform,
  parseOptions,
  type VariableOwner,
  type RandomKey,
  type AdversarialLoss,
  type Discriminator,
  type ImageBatch,
  type PerceptualLoss,
  type HostImages,
} from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { Evaluator, type Evaluation } from '@vitvq/evaluation';
import { exponentialDecaySchedule, type Optimizer } from '@vitvq/optim';
import type { ViTVQ } from '@vitvq/tokenizer';
import {
  createOptimizer,
  keepUnlessFinite,
  LazyParts,
  learningRateAt,
  Updater,
  WeightAverages,
  type GradientFunction,
  type StepContext,
  type StepResult,
  type TaskEvaluation,
  type TaskLook,
  type TrainingTask,
} from '@vitvq/training';
import {
  codebookOf,
  createCodebookInitialization,
  createCodebookReset,
  resettableCodebookOf,
  type CodebookUpdate,
} from '../codebook-reset.js';
import { createDiscriminatorGradients } from '../discriminator-gradients.js';
import type { Stage1Look } from '../events.js';
import { createStage1Gradients } from '../gradients.js';
import type { Stage1Controls } from '../loss.js';
import { stage1PlanSchema, type ResolvedStage1Plan, type Stage1Plan } from '../plan.js';
import { LeCamState } from './lecam-state.js';
import { lookPicture } from './preview-picture.js';

/** What the tokenizer is trained against. */
export interface AdversarialParts {
  readonly discriminator: Discriminator;
  readonly loss: AdversarialLoss;
}

export interface Stage1TaskOptions {
  readonly tokenizer: ViTVQ;
  readonly plan: Stage1Plan;
  readonly perceptual?: PerceptualLoss;
  readonly adversarial?: AdversarialParts;
  readonly evaluation?: { readonly images: HostImages; readonly batchSize?: number };
  readonly look?: { readonly images: HostImages };
  readonly configuration?: unknown;
}

/** Groups of variables in a checkpoint: what stands before the first dot of a name. */
export const groups = {
  tokenizer: 'tokenizer',
  optimizer: 'optimizer',
  average: 'average',
  discriminator: 'discriminator',
  discriminatorOptimizer: 'discriminatorOptimizer',
  leCam: 'leCam',
} as const;

/** What `state()` says. */
export const stage1TaskStateSchema = z.strictObject({
  quantizes: z.boolean(),
  discriminates: z.boolean(),
  isAdversarial: z.boolean(),
});

/** Keys folded from the seed, apart from those that others fold from it. */
const streams = { care: 100, noise: 103 } as const;
const lowUsage = 0.1;
const defaultBatchSize = 64;

/** Images; temperature `[]`, where the quantizer has one; uniform noise, where it draws. */
type Inputs = readonly [tf.Tensor4D] | readonly [tf.Tensor4D, tf.Scalar] | readonly [tf.Tensor4D, tf.Scalar, tf.Tensor];

/** The discriminator's side. */
interface Adversary extends AdversarialParts {
  readonly optimizer: Optimizer;
  readonly updater: Updater;
  readonly leCam: LeCamState | undefined;
}

/** A stage-1 training as the loop of @vitvq/training sees it. */
export class Stage1Task implements TrainingTask<ImageBatch, Evaluation, Stage1Look> {
  readonly kind = 'stage1';
  readonly plan: ResolvedStage1Plan;
  readonly #options: Stage1TaskOptions;
  readonly #optimizer: Optimizer;
  readonly #updater: Updater;
  readonly #averages: WeightAverages | undefined;
  readonly #adversary: Adversary | undefined;
  readonly #learningRate: (progress: number) => number;
  readonly #temperature: ((step: number) => number) | undefined;
  /** By name: what is compiled once. */
  readonly #parts = new LazyParts();
  /** Whether the codebook has started. */
  #quantizes = false;
  /** Whether the discriminator has started to learn. */
  #discriminates = false;
  /** Whether the autoencoder hears it. */
  #isAdversarial = false;
  #usageCounts: Float64Array | undefined;

  /** @throws {ConfigError} naming every problem of the plan at once */
  constructor(options: Stage1TaskOptions) {
    const plan = parseOptions(stage1PlanSchema, options.plan, 'Stage1Trainer plan');
    this.plan = plan;
    this.#options = options;
    const { tokenizer, adversarial } = options;
    assertParts(plan, options);
    const trained = tokenizer.namedTrainableVariables();
    this.#optimizer = createOptimizer(trained, plan.optimizer);
    this.#averages = plan.movingAverage ? new WeightAverages(trained, plan.movingAverage) : undefined;
    this.#learningRate = learningRateAt(plan.learningRate);
    this.#temperature = temperatureOf(plan, tokenizer);
    const leCamPlan = plan.discriminator.leCam;
    const isAdversarial = adversarial !== undefined && plan.losses.adversarial > 0;
    const leCam = isAdversarial && leCamPlan ? new LeCamState(leCamPlan) : undefined;
    const state = stateVariables(tokenizer, isAdversarial ? adversarial.discriminator : undefined, leCam);
    this.#updater = new Updater({
      name: 'train',
      optimizer: this.#optimizer,
      variables: trained,
      state,
      clipNorm: plan.clipNorm,
      accumulate: plan.accumulate,
    });
    this.#adversary = isAdversarial ? createAdversary(plan, adversarial, state, leCam) : undefined;
    // Now rather than after days, when the discriminator starts.
    this.#autoencoderGradients(true, isAdversarial);
    if (isAdversarial) this.#discriminatorGradients(true, true);
  }

  get duration(): ResolvedStage1Plan['duration'] {
    return this.plan.duration;
  }

  get nonFinite(): ResolvedStage1Plan['nonFinite'] {
    return this.plan.nonFinite;
  }

  get configuration(): Readonly<Record<string, unknown>> {
    return {
      plan: this.plan,
      adversarialLoss: this.#adversary?.loss.name ?? null,
      configuration: this.#options.configuration ?? null,
    };
  }

  namedVariables(): Map<string, tf.Variable> {
    const { tokenizer } = this.#options;
    const modules: [string, Pick<VariableOwner, 'namedVariables'> | undefined][] = [
      [groups.tokenizer, tokenizer],
      [groups.optimizer, this.#optimizer],
      [groups.average, this.#averages],
      [groups.discriminator, this.#adversary?.discriminator],
      [groups.discriminatorOptimizer, this.#adversary?.optimizer],
      [groups.leCam, this.#adversary?.leCam],
    ];
    return new Map(
      modules.flatMap(([group, module]) =>
        [...(module?.namedVariables() ?? [])].map(([name, variable]) => [`${group}.${name}`, variable] as const),
      ),
    );
  }

  state(): z.output<typeof stage1TaskStateSchema> {
    return {
      quantizes: this.#quantizes,
      discriminates: this.#discriminates,
      isAdversarial: this.#isAdversarial,
    };
  }

  restore(state: unknown, fresh: ReadonlySet<string>): void {
    const { quantizes, discriminates, isAdversarial } = parseOptions(
      stage1TaskStateSchema,
      state,
      'Stage1Trainer.restore',
    );
    this.#quantizes = quantizes;
    this.#discriminates = discriminates;
    this.#isAdversarial = isAdversarial;
    if (fresh.has(groups.average)) this.#averages?.restart();
  }

  /** What the autoencoder learned without a discriminator is measured before the two meet. */
  isMilestone({ index, progress }: StepContext): boolean {
    const { start, adversarialStart = start } = this.plan.discriminator;
    const meets = isReached(start, index, progress) && isReached(adversarialStart, index, progress);
    return this.#adversary !== undefined && !this.#isAdversarial && index > 0 && meets;
  }

  async step(batch: ImageBatch, { index, progress }: StepContext): Promise<StepResult> {
    const { codebook, discriminator } = this.plan;
    const examples = batch.shape[0]!;
    const batches = this.#microBatches(batch, index);
    try {
      if (!this.#quantizes && progress >= codebook.autoencoderShare) {
        if (!(await this.#startCodebook(batch, index))) {
          return { examples, values: { codebook: NaN }, gradientNorms: new Map() };
        }
      }
      const { start, adversarialStart = start } = discriminator;
      this.#discriminates ||= this.#adversary !== undefined && isReached(start, index, progress);
      this.#isAdversarial ||= this.#discriminates && isReached(adversarialStart, index, progress);
      const [quantize, isAdversarial] = [this.#quantizes, this.#isAdversarial];
      const learningRate = this.#learningRate(progress);

      const update = await this.#updater.update(
        `${quantize ? 'codes' : 'autoencoder'}${isAdversarial ? ', adversarial' : ''}`,
        () => this.#autoencoderGradients(quantize, isAdversarial),
        batches,
        learningRate,
      );
      const { loss, ...terms } = update.values;
      const values: Record<string, number> = { ...terms, loss: loss!, gradientNorm: update.gradientNorm, learningRate };
      const temperature = this.#temperature?.(index);
      if (temperature !== undefined) values.temperature = temperature;
      const result = { examples, values, gradientNorms: update.gradientNorms };
      if (!update.isFinite) return result;
      await this.#averages?.update();
      if (this.#discriminates) {
        const { isFinite, gradientNorms, ...more } = await this.#updateDiscriminator(batches, index, learningRate);
        Object.assign(values, more.values);
        if (!isFinite) return { ...result, gradientNorms };
      }
      const revivedCodes = await this.#reviveCodes(batch, index);
      return revivedCodes === undefined ? result : { ...result, values: { ...values, revivedCodes } };
    } finally {
      tf.dispose(batches.flat());
    }
  }
  isFinite({ images }: ImageBatch): boolean {
    return images.every(Number.isFinite);
  }

  async evaluate(): Promise<TaskEvaluation<Evaluation>> {
    const { evaluation: options } = this.#options;
    if (!options) {
      throw new ConfigError({ where: 'Stage1Trainer', expected: 'images to evaluate', got: 'none' });
    }
    const evaluation = await this.#measure(options.images);
    const { psnr, meanSquaredError, perceptualDistance, count, codebook, indices } = evaluation;
    const { usage, paperUsage, perplexity } = codebook;
    this.#usageCounts = codebook.counts;
    const metrics = {
      psnr,
      meanSquaredError,
      ...(perceptualDistance === undefined ? {} : { perceptualDistance }),
      usage,
      ...(paperUsage === undefined ? {} : { paperUsage }),
      perplexity,
      count,
    };
    const reachable = Math.min(1, indices.length / this.#options.tokenizer.vocabSize);
    const warnings =
      usage < lowUsage * reachable
        ? [
            {
              code: 'low-codebook-usage',
              message: `Only ${(100 * usage).toFixed(1)} % of the codes are in use. Initialise the codebook from data, revive dead codes, or lower codeDim.`,
            },
          ]
        : [];
    return { metrics, evaluation, warnings };
  }

  async look(): Promise<TaskLook<Stage1Look>> {
    const { look } = this.#options;
    if (!look) throw new ConfigError({ where: 'Stage1Trainer', expected: 'images to look at', got: 'none' });
    const { images: originals } = look;
    const { reconstructions, psnr } = await this.#measure(originals);
    return { look: { originals, reconstructions, psnr }, pictures: [lookPicture(originals, reconstructions)] };
  }

  async *histograms(): AsyncGenerator<readonly [string, ArrayLike<number>]> {
    if (this.#usageCounts) yield ['codebook/uses of a code', this.#usageCounts];
    for (const [group, module] of [
      [groups.tokenizer, this.#options.tokenizer],
      [groups.discriminator, this.#adversary?.discriminator],
    ] as const) {
      for (const [name, variable] of module?.namedTrainableVariables() ?? []) {
        yield [`weights/${group}.${name}`, await variable.data()];
      }
    }
  }

  /** Runs `fn` while the tokenizer holds the averages of its weights, if the plan has them. */
  async withAverages<T>(fn: () => Promise<T>): Promise<T> {
    return this.#averages ? this.#averages.lend(fn) : fn();
  }

  dispose(): void {
    this.#updater.dispose();
    this.#optimizer.dispose();
    this.#averages?.dispose();
    this.#adversary?.updater.dispose();
    this.#adversary?.optimizer.dispose();
    this.#adversary?.leCam?.dispose();
    this.#parts.dispose();
  }

  #autoencoderGradients(quantize: boolean, isAdversarial: boolean): GradientFunction<Inputs> {
    const { tokenizer, perceptual, adversarial } = this.#options;
    const { losses, discriminator } = this.plan;
    const gradients = createStage1Gradients({
      tokenizer,
      losses: { ...losses, adversarial: isAdversarial ? losses.adversarial : 0 },
      quantize,
      perceptual: losses.perceptual > 0 ? perceptual : undefined,
      adversarial:
        isAdversarial && adversarial ? { ...adversarial, adaptiveWeight: discriminator.adaptiveWeight } : undefined,
    });
    return (...inputs) => gradients(inputs[0], controlsOf(inputs));
  }

  #discriminatorGradients(quantize: boolean, withR1: boolean): GradientFunction<Inputs> {
    const { tokenizer, adversarial } = this.#options;
    const { r1, leCam } = this.plan.discriminator;
    const anchors = this.#adversary?.leCam;
    const gradients = createDiscriminatorGradients({
      tokenizer,
      ...adversarial!,
      quantize,
      r1: r1 && withR1 ? { weight: r1.weight * r1.every } : undefined,
      leCam: leCam && anchors ? { weight: leCam.weight, anchors } : undefined,
    });
    return (...inputs) => {
      const result = gradients(inputs[0], controlsOf(inputs));
      const { logitsReal, logitsFake } = result.values;
      anchors?.update(logitsReal!, logitsFake!);
      return result;
    };
  }

  async #updateDiscriminator(
    batches: readonly Inputs[],
    index: number,
    learningRate: number,
  ): Promise<Pick<StepResult, 'values' | 'gradientNorms'> & { readonly isFinite: boolean }> {
    const { r1, learningRateScale } = this.plan.discriminator;
    const withR1 = r1 !== null && index % r1.every === 0;
    const quantize = this.#quantizes;
    const { values, gradientNorm, gradientNorms, isFinite } = await this.#adversary!.updater.update(
      `${quantize ? 'codes' : 'autoencoder'}${withR1 ? ', R1' : ''}`,
      () => this.#discriminatorGradients(quantize, withR1),
      batches,
      learningRate * learningRateScale,
    );
    const { discriminator, ...terms } = values;
    return {
      values: { ...terms, discriminator: discriminator!, discriminatorGradientNorm: gradientNorm },
      gradientNorms,
      isFinite,
    };
  }

  /** Both sides see the same draws of the quantizer's noise, which depend on seed, step and image alone. */
  #microBatches({ images, shape }: ImageBatch, index: number): Inputs[] {
    const { accumulate, seed } = this.plan;
    const size = microBatchSize(shape, accumulate);
    const [, height, width, channels] = shape as [number, number, number, number];
    const key = foldIn(foldIn(randomKey(seed), streams.noise), index);
    const pixels = images.length / accumulate;
    const temperature = this.#temperature?.(index);
    return Array.from({ length: accumulate }, (_, part): Inputs => {
      const tensor = tf.tensor4d(images.subarray(part * pixels, (part + 1) * pixels), [size, height, width, channels]);
      const noiseShape = this.#options.tokenizer.noiseShape(size);
      if (temperature === undefined && !noiseShape) return [tensor];
      // A quantizer that draws and has no temperature ignores it.
      const scalar = tf.scalar(temperature ?? 1);
      return noiseShape ? [tensor, scalar, uniformNoise(foldIn(key, part), noiseShape)] : [tensor, scalar];
    });
  }

  /** Whether it started: a batch with NaN in it makes no codes. */
  async #startCodebook(batch: ImageBatch, index: number): Promise<boolean> {
    const { initializeFromData } = this.plan.codebook;
    const started =
      !initializeFromData ||
      (await this.#careForCodebook('start codebook', createCodebookInitialization, batch, index)) !== undefined;
    this.#quantizes = started;
    return started;
  }

  async #reviveCodes(batch: ImageBatch, index: number): Promise<number | undefined> {
    const { reviveEvery } = this.plan.codebook;
    if (!this.#quantizes || reviveEvery === 0 || (index + 1) % reviveEvery !== 0) return undefined;
    return this.#careForCodebook('reset codes', createCodebookReset, batch, index + 1);
  }

  /** Draws depend on the plan's seed and the step alone. Undefined: codes would not have been finite, and are as they were. */
  async #careForCodebook(
    name: string,
    create: (tokenizer: ViTVQ) => CodebookUpdate,
    { images, shape }: ImageBatch,
    index: number,
  ): Promise<number | undefined> {
    const { tokenizer } = this.#options;
    const run = this.#parts.once(name, () => {
      const care = create(tokenizer);
      const variables = [...tokenizer.quantizer.namedVariables().values()];
      return compile(
        (batch: tf.Tensor4D, uniform: tf.Tensor1D): tf.Tensor1D =>
          tf.tidy(() =>
            keepUnlessFinite(variables, () => {
              const count = care(batch, uniform);
              const finite = tf.sum<tf.Scalar>(
                tf.stack(variables.map((variable) => tf.sum(tf.cast(variable, 'float32')))),
              );
              return { result: tf.stack([count, finite]) as tf.Tensor1D, finite };
            }),
          ),
        { name },
      );
    });
    const draws = randomUniform(foldIn(foldIn(randomKey(this.plan.seed), streams.care), index), tokenizer.vocabSize);
    const inputs = [tf.tensor4d(images, shape as [number, number, number, number]), tf.tensor1d(draws)] as const;
    const output = await run(...inputs);
    const [count, finite] = await output.data();
    tf.dispose([...inputs, output]);
    return Number.isFinite(finite) ? count : undefined;
  }

  /** Averages of weights are what people will use, so they are what is measured. */
  #measure(images: HostImages): Promise<Evaluation> {
    const { tokenizer, perceptual, evaluation, look } = this.#options;
    const batchSize =
      evaluation?.batchSize ?? Math.min(defaultBatchSize, (evaluation ?? look)?.images.shape[0] ?? defaultBatchSize);
    const evaluator = this.#parts.once('evaluate', () => new Evaluator(tokenizer, { batchSize, perceptual }));
    return this.withAverages(() => evaluator.evaluate(images));
  }
}

/** @throws {ConfigError} for what the plan asks of parts that are not there */
function assertParts(plan: ResolvedStage1Plan, { tokenizer, perceptual, adversarial }: Stage1TaskOptions): void {
  const { losses, codebook } = plan;
  if (codebook.initializeFromData) codebookOf(tokenizer, 'Stage1Trainer plan.codebook.initializeFromData');
  if (codebook.reviveEvery > 0) resettableCodebookOf(tokenizer, 'Stage1Trainer plan.codebook.reviveEvery');
  if (losses.perceptual > 0 && !perceptual) {
    throw new ConfigError({
      where: 'Stage1Trainer plan.losses.perceptual',
      expected: `a network of features for the weight ${losses.perceptual}`,
      got: 'none',
      fix: 'Pass perceptual: an LPIPS of @vitvq/losses with weights loaded, or set the weight to 0.',
    });
  }
  if (losses.adversarial > 0 && !adversarial) {
    throw new ConfigError({
      where: 'Stage1Trainer plan.losses.adversarial',
      expected: `a discriminator for the weight ${losses.adversarial}`,
      got: 'none',
      fix: 'Pass adversarial: { discriminator, loss }, for example a StyleDiscriminator of @vitvq/discriminator, or set the weight to 0.',
    });
  }
}

function createAdversary(
  plan: ResolvedStage1Plan,
  parts: AdversarialParts,
  state: ReadonlyMap<string, tf.Variable>,
  leCam: LeCamState | undefined,
): Adversary {
  const { optimizer: optimizerPlan = plan.optimizer, clipNorm } = plan.discriminator;
  const variables = parts.discriminator.namedTrainableVariables();
  const optimizer = createOptimizer(variables, optimizerPlan);
  const { accumulate } = plan;
  const updater = new Updater({ name: 'train discriminator', optimizer, variables, state, clipNorm, accumulate });
  return { ...parts, optimizer, updater, leCam };
}

/** What a pass of training assigns besides the optimizer: usage counts, running statistics, averages of codes and logits. */
function stateVariables(
  tokenizer: ViTVQ,
  discriminator: VariableOwner | undefined,
  leCam: LeCamState | undefined,
): ReadonlyMap<string, tf.Variable> {
  const modules: [string, VariableOwner | undefined][] = [
    [groups.tokenizer, tokenizer],
    [groups.discriminator, discriminator],
    [groups.leCam, leCam],
  ];
  return new Map(
    modules.flatMap(([group, module]) =>
      [...(module?.namedVariables() ?? [])]
        .filter(([, { trainable }]) => !trainable)
        .map(([name, variable]) => [`${group}.${name}`, variable] as const),
    ),
  );
}

/** By step; undefined where the quantizer draws nothing. */
function temperatureOf(
  { temperature }: ResolvedStage1Plan,
  { quantizer }: ViTVQ,
): ((step: number) => number) | undefined {
  if (temperature) {
    const { every: decayEvery, ...rest } = temperature;
    return exponentialDecaySchedule({ ...rest, decayEvery });
  }
  const own = quantizer.temperature;
  return own === undefined ? undefined : () => own;
}

function isReached(start: ResolvedStage1Plan['discriminator']['start'], index: number, progress: number): boolean {
  return 'step' in start ? index >= start.step : progress >= start.share;
}

/** @throws {ConfigError} for batches that are not of images, or that cannot be divided */
function microBatchSize(shape: readonly number[], accumulate: number): number {
  if (shape.length !== 4) {
    throw new ConfigError({
      where: 'Stage1Trainer',
      expected: 'batches of shape [B, H, W, C]',
      got: formatShape(shape),
    });
  }
  const [count] = shape as [number];
  if (count % accumulate !== 0) {
    throw new ConfigError({
      where: 'Stage1Trainer plan.accumulate',
      expected: `batches that can be divided into ${accumulate} equal parts`,
      got: `${count} images`,
      fix: `Take a batch size of ${accumulate * Math.max(1, Math.round(count / accumulate))}, or another number of parts.`,
    });
  }
  return count / accumulate;
}

function uniformNoise(key: RandomKey, shape: readonly number[]): tf.Tensor {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return tf.tensor(randomUniform(key, size), [...shape]);
}

function controlsOf([, temperature, noise]: Inputs): Stage1Controls {
  return { temperature, noise };
}
