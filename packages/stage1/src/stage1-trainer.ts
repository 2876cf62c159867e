import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { listCheckpoints, readCheckpoint, snapshotVariables, writeCheckpoint } from '@vitvq/checkpoint';
import { assignHostValues, ConfigError, foldIn, formatShape, randomKey, randomUniform } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { AdamW, decayGroups } from '@vitvq/optim';
import { careableQuantizer, createCodebookInitialization, createCodebookRevival } from './codebook-care.js';
import { Evaluator, type Evaluation, type HostImages } from './evaluator.js';
import { assertGradientsRegistered } from './internal/assert-gradients-registered.js';
import { differences } from './internal/differences.js';
import { GradientDiagnosis } from './internal/gradient-diagnosis.js';
import { Interval, type IntervalOptions } from './internal/interval.js';
import { MetricsLog } from './internal/metrics-log.js';
import { parseOptions } from './internal/parse-options.js';
import { Pace } from './internal/pace.js';
import { optimizerPrefix, stateOf, tokenizerPrefix } from './stage1-checkpoint.js';
import type { Stage1Events, Stage1Summary, StepReport, WarningReport } from './stage1-events.js';
import { learningRateAt, stage1PlanSchema, type Stage1Plan } from './stage1-plan.js';
import { createStage1Step } from './stage1-step.js';
import type { ViTVQ } from './vit-vq.js';

/** Training data; `createBatches` of @vitvq/data makes one. It must not end before the training does. */
export interface BatchSource {
  next(): Promise<{ readonly images: Float32Array; readonly shape: readonly number[] }>;
  close(): void | Promise<void>;
}

export interface Stage1TrainerOptions {
  readonly tokenizer: ViTVQ;
  readonly plan: Stage1Plan;
  /** Opens the data so that its first batch is number `startAt`; the same number must always give the same images. */
  readonly openBatches: (startAt: number) => BatchSource | Promise<BatchSource>;
  /** Folder of checkpoints and of `metrics.jsonl`; without one, nothing is written. */
  readonly directory?: string;
  /** How often to save, besides the end; `keep` checkpoints stay. @default { everySeconds: 60, keep: 2 } */
  readonly checkpoint?: IntervalOptions & { readonly keep?: number };
  /** Images that are held out, and how often to measure on them, besides the end. */
  readonly evaluation?: IntervalOptions & { readonly images: HostImages; readonly batchSize?: number };
  /** Kept in checkpoints for whoever resumes: anything that JSON holds. */
  readonly notes?: unknown;
}

const lowUsage = 0.1;
const slowDataShare = 0.3;
const slowDataSteps = 50;
/** Keys of the codebook's care, apart from those that others fold from the seed. */
const careStream = 100;

/**
 * Trains a tokenizer by a plan: batches, compiled steps, care of the codebook, evaluations, checkpoints, a log.
 *
 * A run by steps is a function of tokenizer, plan and data; stopped and resumed on the same engine it gives the same numbers
 * bit for bit. While a step runs, the next batch is prepared; each step reads one small tensor back.
 *
 * Ownership: the trainer disposes of its optimizer and compiled functions, never of the tokenizer.
 */
export class Stage1Trainer extends EventEmitter<Stage1Events> {
  readonly plan: Stage1Plan;
  readonly #options: Stage1TrainerOptions;
  readonly #optimizer: AdamW;
  readonly #compiled = new Map<string, { dispose(): void }>();
  #step = 0;
  /** Whether the codebook has started. */
  #quantizes = false;
  #elapsedSeconds = 0;
  #newestCheckpoint: string | undefined;

  /** @throws {ConfigError} naming every problem of the plan at once */
  constructor(options: Stage1TrainerOptions) {
    super();
    assertGradientsRegistered('Stage1Trainer');
    this.plan = parseOptions(stage1PlanSchema, options.plan, 'Stage1Trainer plan');
    this.#options = options;
    const { tokenizer } = options;
    const { weightDecay, ...moments } = this.plan.optimizer;
    if (this.plan.codebook.initializeFromData || this.plan.codebook.reviveEvery > 0) {
      careableQuantizer(tokenizer, 'Stage1Trainer plan.codebook');
    }
    this.#optimizer = new AdamW(decayGroups(tokenizer.namedTrainableVariables(), weightDecay), moments);
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /**
   * Goes on from a checkpoint: of a file, or the newest one of a folder. Call it before `run`.
   * @throws {DataError} when it cannot be read
   * @throws {ConfigError} when it belongs to another plan, naming what differs
   * @throws {ShapeError} when it belongs to another model, naming what differs
   */
  async restore(directoryOrFile: string): Promise<void> {
    const checkpoint = await readCheckpoint(directoryOrFile);
    const state = stateOf(checkpoint);
    const different = differences(state.plan, this.plan);
    if (different.length) {
      throw new ConfigError({
        where: checkpoint.file,
        expected: 'a checkpoint of the same plan',
        got: different.map(({ path, left, right }) => `${path} ${left} instead of ${right}`).join('; '),
        fix: 'Take the plan from readStage1State(file), so that the run goes on as it began.',
      });
    }
    assignHostValues(this.#variables(), checkpoint.tensors, checkpoint.file);
    this.#step = state.step;
    this.#quantizes = state.quantizes;
    this.#elapsedSeconds = state.elapsedSeconds;
    this.#newestCheckpoint = checkpoint.file;
  }

  /**
   * Trains until the plan is done or `signal` aborts; then it saves and evaluates (an abort only saves).
   * @throws {TrainingDivergedError} when loss or gradient are not finite; checkpoints stay as they are
   * @throws {ConfigError} when the directory holds checkpoints of a run that was not restored
   * @throws {DataError} when an abort cannot write its checkpoint (elsewhere that is a warning)
   */
  async run({ signal }: { readonly signal?: AbortSignal } = {}): Promise<Stage1Summary> {
    const { openBatches, directory } = this.#options;
    if (directory !== undefined && this.#step === 0) await refuseForeignCheckpoints(directory);
    const log = directory === undefined ? undefined : await this.#openLog(directory);
    const batches = await openBatches(this.#step);
    try {
      return await this.#train(batches, log, signal);
    } finally {
      await log?.flush();
      await batches.close();
    }
  }

  dispose(): void {
    this.#optimizer.dispose();
    for (const compiled of this.#compiled.values()) compiled.dispose();
    this.#compiled.clear();
  }

  async #train(
    batches: BatchSource,
    log: MetricsLog | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Stage1Summary> {
    const { plan } = this;
    const { evaluation, directory, checkpoint = {} } = this.#options;
    const everySoOften = checkpoint.everySteps !== undefined || checkpoint.everySeconds !== undefined;
    const start = performance.now() / 1000 - this.#elapsedSeconds;
    const now = (): number => performance.now() / 1000 - start;
    const rate = learningRateAt(plan.learningRate);
    const pace = new Pace(plan.duration);
    const checkpointDue = new Interval(everySoOften ? checkpoint : { ...checkpoint, everySeconds: 60 }, now());
    const evaluationDue = new Interval(evaluation ?? {}, now());
    const diagnosis = new GradientDiagnosis([...this.#options.tokenizer.namedTrainableVariables().keys()]);

    let pending = batches.next();
    // Whoever awaits it gets the error; nobody does after an early abort.
    pending.catch(() => undefined);
    while (!pace.isDone(this.#step, now())) {
      // An engine that runs on this thread never pauses by itself: signals, timers and terminals get their turn here.
      await setImmediate();
      if (signal?.aborted) break;
      const waitedFrom = now();
      const batch = await pending;
      const startedAt = now();
      const progress = pace.progress(this.#step, startedAt);
      if (!this.#quantizes && progress >= plan.codebook.autoencoderShare) await this.#startCodebook(batch);
      const learningRate = rate(progress);
      const running = this.#runStep(batch, learningRate);
      pending = batches.next();
      // Whoever awaits it next gets the error; until then it is not an unhandled one.
      pending.catch(() => undefined);
      const { norms, ...values } = await running;
      const step = this.#step + 1;
      const failed = Object.entries(values).find(([, value]) => !Number.isFinite(value));
      if (failed) {
        throw diagnosis.error({
          step,
          norms,
          term: failed[0],
          value: failed[1],
          batch: batch.images,
          checkpoint: this.#newestCheckpoint,
        });
      }
      diagnosis.keep(step, norms);
      this.#step = step;
      const revivedCodes = await this.#reviveCodes(batch);
      this.#elapsedSeconds = now();
      pace.count(batch.shape[0]!, startedAt - waitedFrom, now() - waitedFrom);
      const report: StepReport = {
        step,
        progress: pace.share(step, now()),
        totalSteps: pace.totalSteps(step, now()),
        ...values,
        learningRate,
        revivedCodes,
        imagesPerSecond: pace.recentImagesPerSecond,
        elapsedSeconds: now(),
        remainingSeconds: pace.remainingSeconds(step, now()),
      };
      log?.write({ event: 'step', ...report });
      this.emit('step', report);
      if (pace.steps === slowDataSteps && pace.waitShare > slowDataShare) this.#warnSlowData(pace.waitShare);
      if (pace.isDone(step, now())) break;
      if (checkpointDue.isDue(step, now()) && directory !== undefined) await this.#trySave(directory);
      if (evaluation && evaluationDue.isDue(step, now())) await this.#evaluate(evaluation, log);
    }
    this.#elapsedSeconds = now();
    const reason = pace.isDone(this.#step, now()) ? 'finished' : 'aborted';
    const saved = directory === undefined ? undefined : await this.#saveAtEnd(directory, reason);
    const summary: Stage1Summary = {
      reason,
      step: this.#step,
      elapsedSeconds: this.#elapsedSeconds,
      imagesPerSecond: pace.imagesPerSecond,
      checkpoint: saved,
      evaluation: evaluation && reason === 'finished' ? await this.#evaluate(evaluation, log) : undefined,
    };
    this.emit('end', summary);
    return summary;
  }

  /** A full disk does not cost a finished run its evaluation; an aborted one has nothing but its checkpoint. */
  async #saveAtEnd(directory: string, reason: Stage1Summary['reason']): Promise<string | undefined> {
    if (reason === 'aborted') return this.#save(directory);
    await this.#trySave(directory);
    return this.#newestCheckpoint;
  }

  /** Runs one step on the engine and reads its numbers back, all in one tensor. */
  async #runStep({ images, shape }: Batch, learningRate: number): Promise<StepValues & { norms: Float32Array }> {
    const quantize = this.#quantizes;
    const step = this.#compile(quantize ? 'train' : 'train autoencoder', () => {
      const { losses, clipNorm } = this.plan;
      const { tokenizer } = this.#options;
      const train = createStage1Step({ tokenizer, optimizer: this.#optimizer, losses, clipNorm, quantize });
      return (batch: tf.Tensor4D, rate: tf.Scalar): tf.Tensor1D =>
        tf.tidy(() => {
          const { loss, reconstructionLoss, quantizerLoss, gradientNorm, gradientNorms } = train(batch, rate);
          return tf.concat1d([
            tf.stack([loss, reconstructionLoss, quantizerLoss, gradientNorm]) as tf.Tensor1D,
            gradientNorms,
          ]);
        });
    });
    const inputs = [batchTensor(images, shape), tf.scalar(learningRate)] as const;
    const output = await step(...inputs);
    const values = (await output.data()) as Float32Array;
    tf.dispose([...inputs, output]);
    const [loss, reconstructionLoss, quantizerLoss, gradientNorm] = values as unknown as [
      number,
      number,
      number,
      number,
    ];
    return { reconstructionLoss, quantizerLoss, loss, gradientNorm, norms: values.slice(4) };
  }

  async #startCodebook(batch: Batch): Promise<void> {
    this.#quantizes = true;
    if (!this.plan.codebook.initializeFromData) return;
    const { tokenizer } = this.#options;
    await this.#careForCodebook(
      this.#compile('start codebook', () => createCodebookInitialization(tokenizer)),
      batch,
    );
  }

  async #reviveCodes(batch: Batch): Promise<number | undefined> {
    const { reviveEvery } = this.plan.codebook;
    if (!this.#quantizes || reviveEvery === 0 || this.#step % reviveEvery !== 0) return undefined;
    const revive = this.#compile('revive codes', () => createCodebookRevival(this.#options.tokenizer));
    return this.#careForCodebook(revive, batch);
  }

  /** Draws depend on the plan's seed and the step alone. */
  async #careForCodebook(
    care: CompiledFunction<(images: tf.Tensor4D, uniform: tf.Tensor1D) => tf.Scalar>,
    { images, shape }: Batch,
  ): Promise<number> {
    const uniform = randomUniform(
      foldIn(foldIn(randomKey(this.plan.seed), careStream), this.#step),
      this.#options.tokenizer.vocabSize,
    );
    const inputs = [batchTensor(images, shape), tf.tensor1d(uniform)] as const;
    const output = await care(...inputs);
    const [value] = await output.data();
    tf.dispose([...inputs, output]);
    return value!;
  }

  async #evaluate(
    { images, batchSize = 64 }: NonNullable<Stage1TrainerOptions['evaluation']>,
    log: MetricsLog | undefined,
  ): Promise<Evaluation> {
    const step = this.#step;
    const evaluator = this.#once('evaluate', () => new Evaluator(this.#options.tokenizer, { batchSize }));
    const result = await evaluator.evaluate(images);
    const { psnr, meanSquaredError, count, codebook } = result;
    const { usage, perplexity } = codebook;
    log?.write({ event: 'evaluate', step, psnr, meanSquaredError, usage, perplexity, count });
    void log?.flush();
    this.emit('evaluate', { ...result, step });
    const reachable = Math.min(1, result.indices.length / this.#options.tokenizer.vocabSize);
    if (usage < lowUsage * reachable) {
      this.#warn(
        'low-codebook-usage',
        `Only ${(100 * usage).toFixed(1)} % of the codes are in use. Initialise the codebook from data, revive dead codes, or lower codeDim.`,
      );
    }
    return result;
  }

  async #save(directory: string): Promise<string> {
    const step = this.#step;
    const tensors = await snapshotVariables(this.#variables());
    const { notes = null, checkpoint } = this.#options;
    const state = {
      kind: 'stage1',
      plan: this.plan,
      elapsedSeconds: this.#elapsedSeconds,
      dataPosition: step,
      quantizes: this.#quantizes,
      notes,
    };
    const file = await writeCheckpoint(directory, { step, tensors, state }, { keep: checkpoint?.keep ?? 2 });
    this.#newestCheckpoint = file;
    this.emit('checkpoint', { step, file });
    return file;
  }

  async #trySave(directory: string): Promise<void> {
    try {
      await this.#save(directory);
    } catch (error) {
      const { message } = error as Error;
      this.#warn('checkpoint-failed', `${message} Training goes on; the next checkpoint may succeed.`);
    }
  }

  #openLog(directory: string): Promise<MetricsLog> {
    return MetricsLog.open(join(directory, 'metrics.jsonl'), this.#step, (error) => {
      this.#warn('log-failed', `The metrics log could not be written: ${error.message}`);
    });
  }

  #warnSlowData(share: number): void {
    this.#warn(
      'slow-data',
      `Training waits ${(100 * share).toFixed(0)} % of the time for images. Use more workers or smaller files.`,
    );
  }

  #warn(code: WarningReport['code'], message: string): void {
    this.emit('warning', { step: this.#step, code, message });
  }

  /** Everything that a checkpoint holds. */
  #variables(): Map<string, tf.Variable> {
    const named = (prefix: string, variables: ReadonlyMap<string, tf.Variable>): [string, tf.Variable][] =>
      [...variables].map(([name, variable]) => [prefix + name, variable]);
    return new Map([
      ...named(tokenizerPrefix, this.#options.tokenizer.namedVariables()),
      ...named(optimizerPrefix, this.#optimizer.namedVariables()),
    ]);
  }

  #compile<A extends tf.Tensor[], R extends tf.Tensor>(
    name: string,
    create: () => (...inputs: A) => R,
  ): CompiledFunction<(...inputs: A) => R> {
    return this.#once(name, () => compile(create(), { name }));
  }

  #once<T extends { dispose(): void }>(name: string, create: () => T): T {
    const existing = this.#compiled.get(name) as T | undefined;
    if (existing) return existing;
    const created = create();
    this.#compiled.set(name, created);
    return created;
  }
}

type Batch = Awaited<ReturnType<BatchSource['next']>>;
type StepValues = Pick<StepReport, 'loss' | 'reconstructionLoss' | 'quantizerLoss' | 'gradientNorm'>;

function batchTensor(images: Float32Array, shape: readonly number[]): tf.Tensor4D {
  if (shape.length !== 4) {
    throw new ConfigError({
      where: 'Stage1Trainer',
      expected: 'batches of shape [B, H, W, C]',
      got: formatShape(shape),
    });
  }
  return tf.tensor4d(images, shape as [number, number, number, number]);
}

async function refuseForeignCheckpoints(directory: string): Promise<void> {
  const [first] = await listCheckpoints(directory);
  if (!first) return;
  throw new ConfigError({
    where: 'Stage1Trainer',
    expected: 'a directory without checkpoints for a new run',
    got: first.file,
    fix: 'Call restore(directory) to go on with that run, or choose another directory.',
  });
}
