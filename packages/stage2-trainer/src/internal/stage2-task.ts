import * as tf from '@tensorflow/tfjs-core';
import {
  ConfigError,
  foldIn,
  formatShape,
  randomKey,
  type RandomKey,
  type Tokenizer,
  type HostImages,
  type ImageOrCodeBatch,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { drawDropoutMasks, type DropoutMasks } from '@vitvq/layers';
import type { Optimizer } from '@vitvq/optim';
import { Sampler, type SampleOptions, type Schedule } from '@vitvq/sampling';
import {
  LazyParts,
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
  repeat,
  Unconditional,
  conditionInput,
  assertConditionerFits,
  type AutoregressiveModel,
  type Conditions,
  type ImageTokens,
  type AnyConditioner,
  type ConditionInput,
  type ConditionValues,
} from '@vitvq/transformers';
import { Stage2Evaluator } from '../evaluator.js';
import type { Stage2Evaluation, Stage2Look } from '../events.js';
import { createStage2Gradients, trainedVariables } from '../gradients.js';
import {
  createStage2Optimizer,
  resolveStage2Plan,
  stage2LearningRateAt,
  type ResolvedStage2Plan,
  type Stage2Plan,
} from '../plan.js';
import { BatchReader, disposeParts, withDropped } from './batch-reader.js';
import { samplePicture } from './sample-picture.js';

/** What is sampled when a training is looked at. */
export interface LookOptions extends Pick<SampleOptions, 'temperature' | 'topK' | 'topP'> {
  /** Images. @default 16 */
  readonly count?: number;
  /**
   * Row-major condition tokens `[count, C]`, such as `conditioner.encode(...)`, or the numbers of a conditioner that embeds.
   * @default none for all of them
   */
  readonly conditions?: ConditionValues;
  /** Strength of classifier-free guidance, for a plan with a `conditionDropRate`. @default no guidance */
  readonly guidanceScale?: Schedule;
  /** Of the first image; each has the next one. @default 0 */
  readonly seed?: number;
}

export interface Stage2TaskOptions {
  readonly model: AutoregressiveModel;
  readonly plan: Stage2Plan;
  readonly tokenizer?: Tokenizer;
  readonly conditioner?: AnyConditioner;
  readonly evaluation?: { readonly openBatches: () => AsyncIterable<ImageOrCodeBatch> | Iterable<ImageOrCodeBatch> };
  readonly look?: LookOptions;
  readonly configuration?: unknown;
}

/** Groups of variables in a checkpoint: what stands before the first dot of a name. */
export const groups = {
  model: 'model',
  conditioner: 'conditioner',
  optimizer: 'optimizer',
  average: 'average',
} as const;

/** Keys folded from the seed, apart from those that others fold from it. */
const streams = { dropout: 201, conditions: 202 } as const;
const where = 'Stage2Trainer';
const defaultLookCount = 16;

/** Conditions, tokens and, where the model drops, a mask for each of its sites. */
type Inputs = readonly [tf.Tensor, ImageTokens, ...tf.Tensor[]];

/** A stage-2 training as the loop of @vitvq/training sees it. */
export class Stage2Task implements TrainingTask<ImageOrCodeBatch, Stage2Evaluation, Stage2Look> {
  readonly kind = 'stage2';
  readonly plan: ResolvedStage2Plan;
  readonly #options: Stage2TaskOptions & { readonly conditioner: AnyConditioner };
  readonly #input: ConditionInput;
  readonly #optimizer: Optimizer;
  readonly #updater: Updater;
  readonly #averages: WeightAverages | undefined;
  readonly #reader: BatchReader;
  readonly #learningRate: (progress: number) => number;
  /** By name: what is compiled once. */
  readonly #parts = new LazyParts();

  /** @throws {ConfigError} naming every problem of the plan at once, and for parts that do not fit */
  constructor(options: Stage2TaskOptions) {
    const plan = resolveStage2Plan(options.plan, `${where} plan`);
    this.plan = plan;
    const { conditioner = new Unconditional(), model, tokenizer, look } = options;
    this.#options = { ...options, conditioner };
    assertConditionerFits(conditioner, model, where);
    this.#reader = new BatchReader({ model, conditioner, tokenizer }, where);
    this.#input = conditionInput(conditioner);
    if (look) assertLook(look, this.#input);
    const trained = trainedVariables(model, conditioner);
    this.#learningRate = stage2LearningRateAt(plan.learningRate);
    this.#optimizer = createStage2Optimizer(trained, plan.optimizer);
    this.#averages = plan.movingAverage ? new WeightAverages(trained, plan.movingAverage) : undefined;
    this.#updater = new Updater({
      name: 'train',
      optimizer: this.#optimizer,
      variables: trained,
      clipNorm: plan.clipNorm,
      accumulate: plan.accumulate,
    });
  }

  get duration(): ResolvedStage2Plan['duration'] {
    return this.plan.duration;
  }

  get nonFinite(): ResolvedStage2Plan['nonFinite'] {
    return this.plan.nonFinite;
  }

  get configuration(): Readonly<Record<string, unknown>> {
    const { conditioner, configuration = null } = this.#options;
    return { plan: this.plan, conditioner: conditioner.description, configuration };
  }

  namedVariables(): Map<string, tf.Variable> {
    const modules = [
      [groups.model, this.#options.model],
      [groups.conditioner, this.#input],
      [groups.optimizer, this.#optimizer],
      [groups.average, this.#averages],
    ] as const;
    return new Map(
      modules.flatMap(([group, module]) =>
        [...(module?.namedVariables() ?? [])].map(([name, variable]) => [`${group}.${name}`, variable] as const),
      ),
    );
  }

  /** Everything is in variables and in the number of the step. */
  state(): null {
    return null;
  }

  restore(_state: unknown, fresh: ReadonlySet<string>): void {
    if (fresh.has(groups.average)) this.#averages?.restart();
  }

  async step(batch: ImageOrCodeBatch, { index, progress }: StepContext): Promise<StepResult> {
    const { accumulate, conditionDropRate } = this.plan;
    const conditions = withDropped(
      await this.#reader.conditions(batch),
      this.#input,
      conditionDropRate,
      this.#key('conditions', index),
    );
    const parts = await this.#reader.parts(batch, conditions, accumulate);
    const masks: DropoutMasks[] = [];
    try {
      const dropoutKey = this.#key('dropout', index);
      for (const [part, { tokens }] of parts.entries()) {
        masks.push(drawDropoutMasks(foldIn(dropoutKey, part), this.#sites(tokens.shape[0])));
      }
      const learningRate = this.#learningRate(progress);
      const names = Object.keys(masks[0]!);
      const { values, gradientNorm, gradientNorms, isFinite } = await this.#updater.update(
        'step',
        () => this.#gradients(names),
        parts.map(({ conditions: own, tokens }, part): Inputs => [own, tokens, ...Object.values(masks[part]!)]),
        learningRate,
      );
      const loss = values['loss']!;
      if (isFinite) await this.#averages?.update();
      return {
        examples: batch.shape[0]!,
        values: { loss, bitsPerToken: loss / Math.LN2, perplexity: Math.exp(loss), gradientNorm, learningRate },
        gradientNorms,
      };
    } finally {
      disposeParts(parts);
      for (const part of masks) tf.dispose(Object.values(part));
    }
  }

  isFinite(batch: ImageOrCodeBatch): boolean {
    return 'tokens' in batch || batch.images.every(Number.isFinite);
  }

  async evaluate(): Promise<TaskEvaluation<Stage2Evaluation>> {
    const { evaluation: options, model, conditioner, tokenizer } = this.#options;
    if (!options) throw new ConfigError({ where, expected: 'data to evaluate on', got: 'none' });
    const evaluator = this.#parts.once('evaluate', () => new Stage2Evaluator({ model, conditioner, tokenizer }));
    const evaluation = await this.withAverages(() => evaluator.evaluate(options.openBatches()));
    const { natsPerToken, bitsPerToken, perplexity, unigramNatsPerToken, count } = evaluation;
    return { metrics: { count, natsPerToken, bitsPerToken, perplexity, unigramNatsPerToken }, evaluation };
  }

  async look(): Promise<TaskLook<Stage2Look>> {
    const { look = {} } = this.#options;
    const tokens = await this.withAverages(() => this.#sample(look));
    try {
      const images = await this.#decode(tokens);
      return {
        look: { tokens: Int32Array.from(await tokens.data()), tokensShape: tokens.shape, images },
        pictures: images ? [samplePicture(images)] : [],
      };
    } finally {
      tokens.dispose();
    }
  }

  async *histograms(): AsyncGenerator<readonly [string, ArrayLike<number>]> {
    for (const [group, owner] of [
      [groups.model, this.#options.model],
      [groups.conditioner, this.#input],
    ] as const) {
      for (const [name, variable] of owner.namedVariables()) {
        if (variable.trainable) yield [`weights/${group}.${name}`, await variable.data()];
      }
    }
  }

  /** Runs `fn` while the model holds the averages of its weights, if the plan has them. */
  async withAverages<T>(fn: () => Promise<T>): Promise<T> {
    return this.#averages ? this.#averages.lend(fn) : fn();
  }

  dispose(): void {
    this.#updater.dispose();
    this.#optimizer.dispose();
    this.#averages?.dispose();
    this.#reader.dispose();
    this.#parts.dispose();
  }

  /** Of a step: a function of the plan's seed and the step alone. */
  #key(stream: keyof typeof streams, index: number): RandomKey {
    return foldIn(foldIn(randomKey(this.plan.seed), streams[stream]), index);
  }

  #sites(batchSize: number): ReturnType<AutoregressiveModel['dropoutSites']> {
    return this.#options.model.dropoutSites(batchSize);
  }

  #gradients(maskNames: readonly string[]): GradientFunction<Inputs> {
    const gradients = createStage2Gradients(this.#options.model, this.#options.conditioner);
    return (conditions, tokens, ...masks) => {
      const named = Object.fromEntries(maskNames.map((name, index) => [name, masks[index]!]));
      return gradients(conditions, tokens, maskNames.length > 0 ? named : undefined);
    };
  }

  async #sample({ count, conditions, guidanceScale, seed = 0, ...filters }: LookOptions): Promise<ImageTokens> {
    const { model } = this.#options;
    const images = lookCount({ count, conditions }, this.#input);
    // Weights that are part of the program would have to be compiled anew for each look.
    const sampler = this.#parts.once('sample', () => new Sampler(model, { weights: 'live' }));
    const none = repeat(this.#input.nullValues, images);
    const given = await this.#conditions(conditions ?? none);
    const unconditional = await this.#conditions(none);
    try {
      return await sampler.sample({
        ...filters,
        conditions: given,
        seeds: Array.from({ length: images }, (_, image) => seed + image),
        guidance: guidanceScale === undefined ? undefined : { scale: guidanceScale, unconditional },
      });
    } finally {
      tf.dispose([given, unconditional]);
    }
  }

  async #conditions(values: ConditionValues): Promise<Conditions> {
    const input = this.#input.tensor(values);
    if (!('embed' in this.#options.conditioner)) return input as tf.Tensor2D;
    const embed = this.#parts.once('embed', (): CompiledFunction<(input: tf.Tensor) => Conditions> =>
      compile((numbers: tf.Tensor) => this.#input.embed(numbers), { name: 'embed conditions' }),
    );
    try {
      return await embed(input);
    } finally {
      input.dispose();
    }
  }

  async #decode(tokens: ImageTokens): Promise<HostImages | undefined> {
    const { tokenizer } = this.#options;
    if (!tokenizer) return undefined;
    const decode = this.#parts.once('decode', (): CompiledFunction<(tokens: ImageTokens) => tf.Tensor4D> =>
      compile((codes: ImageTokens) => tokenizer.decode(codes), { name: 'decode', variables: 'frozen' }),
    );
    const images = await decode(tokens);
    try {
      return { data: Float32Array.from(await images.data()), shape: images.shape };
    } finally {
      images.dispose();
    }
  }
}

function lookCount(
  { count, conditions }: Pick<LookOptions, 'count' | 'conditions'>,
  { size }: Pick<ConditionInput, 'size'>,
): number {
  return count ?? (conditions ? conditions.length / size : defaultLookCount);
}

/** @throws {ConfigError} */
function assertLook(look: LookOptions, input: ConditionInput): void {
  const { conditions } = look;
  const count = lookCount(look, input);
  if (!conditions || conditions.length === count * input.size) return;
  throw new ConfigError({
    where: `${where} look.conditions`,
    expected: `tokens ${formatShape([count, input.size])}`,
    got: `${conditions.length} tokens`,
  });
}
