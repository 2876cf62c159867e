import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type * as tf from '@tensorflow/tfjs-core';
import {
  listCheckpoints,
  openCheckpoint,
  restoreVariables,
  variableTensors,
  writeCheckpoint,
  type OpenedCheckpoint,
} from '@vitvq/checkpoint';
import { assertInRange, assertInteger, ConfigError, DataError, ShapeError, type BatchSource } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { assertGradientsRegistered } from './internal/assert-gradients-registered.js';
import { differences, isAllowed, listDifferences } from './internal/differences.js';
import { finiteFlags } from './internal/finite.js';
import { GradientDiagnosis } from './internal/gradient-diagnosis.js';
import { METRICS_LOG_FILE, MetricsLog } from './internal/metrics-log.js';
import { Pace } from './internal/pace.js';
import { TensorBoardLog } from './internal/tensorboard-log.js';
import { Interval, type IntervalOptions } from './interval.js';
import { isLookDue, type LookSchedule } from './look-schedule.js';
import { TrainingDivergedError } from './training-diverged-error.js';
import type { BestCheckpoint, StepReport, TrainingEvents, TrainingSummary } from './training-events.js';
import { trainingStateOf } from './training-state.js';
import type { StepResult, TrainingTask } from './training-task.js';

/** Which evaluation is the best. */
export interface BestMetric {
  /** One of the task's metrics, `psnr`. */
  readonly metric: string;
  readonly mode: 'highest' | 'lowest';
}

export interface TensorBoardOptions {
  /** Steps between two points of the training's curves. @default 1 */
  readonly everySteps?: number;
  /** Whether evaluations write histograms of weights and what else the task offers. @default true */
  readonly histograms?: boolean;
}

/** How a run is watched and saved; none of it changes what is learned, and a resumed run may change it. */
export interface RunOptions<Batch> {
  /** Opens the data so that its first batch is number `startAt`; the same number must always give the same batch. */
  readonly openBatches: (startAt: number) => BatchSource<Batch> | Promise<BatchSource<Batch>>;
  /** Folder of checkpoints, `metrics.jsonl` and TensorBoard's event files; without one, nothing is written. */
  readonly directory?: string;
  /** How often to save, besides the end; `keep` checkpoints stay. @default { everySeconds: 60, keep: 2 } */
  readonly checkpoint?: IntervalOptions & { readonly keep?: number };
  /** How often to evaluate, besides the end. */
  readonly evaluation?: IntervalOptions;
  /** Keeps the checkpoint of the best evaluation in the folder `best`, whatever `checkpoint.keep` says. */
  readonly best?: BestMetric;
  /** When to look; without it, never. */
  readonly look?: LookSchedule;
  /** False: no event files. @default {} */
  readonly tensorBoard?: TensorBoardOptions | false;
  /** Kept in checkpoints for whoever resumes: anything that JSON holds. */
  readonly notes?: unknown;
}

export interface TrainerOptions<Batch, Evaluation, Look> extends RunOptions<Batch> {
  readonly task: TrainingTask<Batch, Evaluation, Look>;
}

export interface RestoreOptions {
  /**
   * Differences between the configuration of the checkpoint and this one that are meant: true for all, or paths
   * (`plan.learningRate`, which covers what lies below it; `data` for another data set).
   * @default false
   */
  readonly allowChanges?: boolean | readonly string[];
}

const slowDataShare = 0.3;
const slowDataSteps = 50;

/** Tells of each of some variables whether all its values are finite. */
interface WeightCheck {
  readonly names: readonly string[];
  readonly run: CompiledFunction<() => tf.Tensor1D>;
}

/** Where an open run writes. */
interface Logs {
  readonly metrics: MetricsLog;
  readonly tensorBoard: TensorBoardLog | undefined;
}

/**
 * The loop around a task: batches, pace, evaluations, looks, checkpoints, logs, divergence.
 *
 * A run by steps is a function of configuration and data; stopped, or killed at any moment, and resumed on the same engine it
 * gives the same numbers bit for bit. While a step runs, the next batch is prepared.
 *
 * Ownership: the trainer disposes of its task.
 */
export class Trainer<Batch, Evaluation extends object, Look extends object> extends EventEmitter<
  TrainingEvents<Evaluation, Look>
> {
  readonly #options: TrainerOptions<Batch, Evaluation, Look>;
  readonly #task: TrainingTask<Batch, Evaluation, Look>;
  readonly #diagnosis = new GradientDiagnosis();
  #weightCheck: WeightCheck | undefined;
  #isRestored = false;
  #step = 0;
  #skippedSteps = 0;
  #skippedInRow = 0;
  /** Steps done at the last evaluation. */
  #evaluatedStep: number | undefined;
  #elapsedSeconds = 0;
  #newestCheckpoint: string | undefined;
  #best: BestCheckpoint | undefined;
  /** What the data of a restored run was, where another may not take its place. */
  #expectedFingerprint: string | undefined;
  #fingerprint: string | undefined;

  /** @throws {ConfigError} when no gradients are registered, and for intervals and counts that make no sense */
  constructor(options: TrainerOptions<Batch, Evaluation, Look>) {
    super();
    assertGradientsRegistered('Trainer');
    const { checkpoint = {}, evaluation = {} } = options;
    assertInteger(checkpoint.keep ?? 2, 'checkpoint.keep', 'Trainer');
    assertInterval(checkpoint, 'checkpoint');
    assertInterval(evaluation, 'evaluation');
    this.#options = options;
    this.#task = options.task;
  }

  /** Steps done, skipped ones included. */
  get step(): number {
    return this.#step;
  }

  /** The best evaluation so far. */
  get best(): BestCheckpoint | undefined {
    return this.#best;
  }

  /**
   * Goes on from a checkpoint: of a file, or the newest one of a folder. Call it before `run`.
   *
   * With `allowChanges`, a group of variables that only one side has (the averages of weights, a discriminator) starts
   * afresh or is left out; within a group, names and shapes must fit.
   * @throws {DataError} when it cannot be read
   * @throws {ConfigError} when it belongs to another configuration, naming each difference that is not allowed
   * @throws {ShapeError} when it belongs to another model, naming what differs
   */
  async restore(directoryOrFile: string, { allowChanges = false }: RestoreOptions = {}): Promise<void> {
    const checkpoint = await openCheckpoint(directoryOrFile);
    try {
      await this.#restore(checkpoint, allowChanges);
    } finally {
      await checkpoint.close();
    }
  }

  /**
   * As {@link restore} where the folder holds a checkpoint; else it leaves everything as it is.
   * @returns whether there was one
   */
  async resume(directory: string, options?: RestoreOptions): Promise<boolean> {
    const isThere = (await listCheckpoints(directory)).length > 0;
    if (isThere) await this.restore(directory, options);
    return isThere;
  }

  /**
   * Trains until the plan is done or `signal` aborts; then it saves and evaluates (an abort only saves).
   * @throws {TrainingDivergedError} when loss, gradient or a weight are not finite; checkpoints stay as they are
   * @throws {ConfigError} when the directory holds checkpoints of a run that was not restored, when the data is not that of
   *   the restored run, or when `best` names no metric of the task
   * @throws {DataError} when an abort cannot write its checkpoint (elsewhere that is a warning)
   */
  async run({ signal }: { readonly signal?: AbortSignal } = {}): Promise<TrainingSummary<Evaluation>> {
    const { openBatches, directory } = this.#options;
    if (directory !== undefined) {
      if (!this.#isRestored && this.#step === 0) await refuseForeignCheckpoints(directory);
      await this.#warnOfLaterCheckpoints(directory);
    }
    const batches = await openBatches(this.#step);
    let logs: Logs | undefined;
    try {
      this.#checkFingerprint(batches.fingerprint);
      logs = directory === undefined ? undefined : await this.#openLogs(directory);
      return await this.#train(batches, logs, signal);
    } finally {
      await logs?.metrics.flush();
      await logs?.tensorBoard?.close();
      await batches.close();
    }
  }

  dispose(): void {
    this.#weightCheck?.run.dispose();
    this.#weightCheck = undefined;
    this.#task.dispose();
  }

  async #restore(checkpoint: OpenedCheckpoint, allowChanges: boolean | readonly string[]): Promise<void> {
    const state = trainingStateOf(checkpoint, this.#task.kind);
    const refused = differences(state.configuration, asJson(this.#task.configuration)).filter(
      ({ path }) => !isAllowed(path, allowChanges),
    );
    if (refused.length > 0) {
      throw new ConfigError({
        where: checkpoint.file,
        expected: 'a checkpoint of the same configuration',
        got: listDifferences(refused),
        fix: `Go on with the configuration of the checkpoint, or, if the change is meant, call restore(path, { allowChanges: [${refused.map(({ path }) => `'${path}'`).join(', ')}] }).`,
      });
    }
    const fresh = await restoreGroups(checkpoint, this.#task.namedVariables(), allowChanges !== false);
    await this.#task.restore(state.task, fresh);
    this.#isRestored = true;
    this.#step = state.step;
    this.#skippedSteps = state.skippedSteps;
    this.#skippedInRow = state.skippedInRow;
    this.#evaluatedStep = state.evaluatedStep ?? undefined;
    this.#elapsedSeconds = state.elapsedSeconds;
    this.#best = state.best ? { ...state.best, file: state.best.file } : undefined;
    this.#newestCheckpoint = checkpoint.file;
    this.#expectedFingerprint = isAllowed('data', allowChanges) ? undefined : (state.dataFingerprint ?? undefined);
  }

  async #train(
    batches: BatchSource<Batch>,
    logs: Logs | undefined,
    signal: AbortSignal | undefined,
  ): Promise<TrainingSummary<Evaluation>> {
    const { directory, checkpoint = {}, evaluation, look } = this.#options;
    const everySoOften = checkpoint.everySteps !== undefined || checkpoint.everySeconds !== undefined;
    const start = performance.now() / 1000 - this.#elapsedSeconds;
    const now = (): number => performance.now() / 1000 - start;
    const pace = new Pace(this.#task.duration);
    const checkpointDue = new Interval(everySoOften ? checkpoint : { ...checkpoint, everySeconds: 60 }, now());
    const evaluationDue = new Interval(evaluation ?? {}, now());

    let pending = batches.next();
    // Whoever awaits it gets the error; nobody does after an early abort.
    pending.catch(() => undefined);
    if (this.#step === 0 && !signal?.aborted && look && isLookDue(0, look)) await this.#look(logs);
    while (!pace.isDone(this.#step, now())) {
      // An engine that runs on this thread never pauses by itself: signals, timers and terminals get their turn here.
      await setImmediate();
      if (signal?.aborted) break;
      const waitedFrom = now();
      const batch = await pending;
      const startedAt = now();
      const context = { index: this.#step, progress: pace.progress(this.#step, startedAt) };
      if (evaluation && this.#evaluatedStep !== this.#step && this.#task.isMilestone?.(context)) {
        await this.#evaluate(logs);
      }
      const running = this.#task.step(batch, context);
      pending = batches.next();
      // Whoever awaits it next gets the error; until then it is not an unhandled one.
      pending.catch(() => undefined);
      const result = await running;
      const step = this.#step + 1;
      const skipped = await this.#judge(step, result, batch);
      this.#step = step;
      const elapsedSeconds = now();
      this.#elapsedSeconds = elapsedSeconds;
      pace.count(result.examples, startedAt - waitedFrom, elapsedSeconds - waitedFrom);
      const report: StepReport = {
        step,
        progress: pace.share(step, elapsedSeconds),
        totalSteps: pace.totalSteps(step, elapsedSeconds),
        values: result.values,
        skipped,
        skippedSteps: this.#skippedSteps,
        examplesPerSecond: pace.recentExamplesPerSecond,
        elapsedSeconds,
        remainingSeconds: pace.remainingSeconds(step, elapsedSeconds),
      };
      this.#logStep(report, logs);
      this.#tell('step', report);
      if (pace.steps === slowDataSteps && pace.waitShare > slowDataShare) this.#warnSlowData(pace.waitShare);
      if (look && isLookDue(step, look)) await this.#look(logs);
      if (pace.isDone(step, now())) break;
      // Before the checkpoint, which then knows of it: a run that is killed in between does neither or both again.
      const next = { index: step, progress: pace.progress(step, now()) };
      if (evaluation && (evaluationDue.isDue(step, now()) || this.#task.isMilestone?.(next))) {
        await this.#evaluate(logs, result);
      }
      if (checkpointDue.isDue(step, now()) && directory !== undefined) await this.#trySave(directory, logs);
    }
    this.#elapsedSeconds = now();
    const reason = pace.isDone(this.#step, now()) ? 'finished' : 'aborted';
    const saved = directory === undefined ? undefined : await this.#saveAtEnd(directory, reason, logs);
    const evaluated = evaluation && reason === 'finished' ? await this.#evaluate(logs) : undefined;
    const summary: TrainingSummary<Evaluation> = {
      reason,
      step: this.#step,
      skippedSteps: this.#skippedSteps,
      elapsedSeconds: this.#elapsedSeconds,
      examplesPerSecond: pace.examplesPerSecond,
      checkpoint: saved,
      best: this.#best,
      evaluation: evaluated,
    };
    this.#tell('end', summary);
    return summary;
  }

  /** Whether the step failed and is skipped. @throws {TrainingDivergedError} when it failed and is not */
  async #judge(step: number, { values, gradientNorms }: StepResult, batch: Batch): Promise<boolean> {
    const failed = Object.entries(values).find(([, value]) => !Number.isFinite(value));
    if (!failed) {
      this.#diagnosis.keep(step, gradientNorms);
      this.#skippedInRow = 0;
      return false;
    }
    const [term, value] = failed;
    const { action, maximumInRow } = this.#task.nonFinite;
    const weight = await this.#nonFiniteWeight();
    // With such a weight every further step fails too.
    if (action === 'stop' || weight !== undefined || this.#skippedInRow >= maximumInRow) {
      throw new TrainingDivergedError({
        step,
        term,
        value,
        layer: weight ?? this.#diagnosis.layer(gradientNorms),
        ...this.#diagnosis.largest(step, gradientNorms),
        checkpoint: this.#newestCheckpoint,
        batchIsFinite: this.#task.isFinite(batch),
        weightsAreFinite: weight === undefined,
        skippedInRow: this.#skippedInRow,
      });
    }
    this.#skippedSteps++;
    this.#skippedInRow++;
    this.#warn(
      'step-skipped',
      `${term} was ${value}; its update was left out (${this.#skippedSteps} skipped so far).`,
      step,
    );
    return true;
  }

  /** The first variable of a checkpoint with a value that is not finite. */
  async #nonFiniteWeight(): Promise<string | undefined> {
    this.#weightCheck ??= this.#compileWeightCheck();
    const output = await this.#weightCheck.run();
    const flags = await output.data();
    output.dispose();
    return this.#weightCheck.names.find((_, index) => flags[index] === 0);
  }

  #compileWeightCheck(): WeightCheck {
    const floats = [...this.#task.namedVariables()].filter(([, { dtype }]) => dtype === 'float32');
    const variables = floats.map(([, variable]) => variable);
    return { names: floats.map(([name]) => name), run: compile(finiteFlags(variables), { name: 'check weights' }) };
  }

  #logStep(report: StepReport, logs: Logs | undefined): void {
    const { values, ...rest } = report;
    logs?.metrics.write({ event: 'step', ...rest, ...values });
    const { everySteps = 1 } = this.#options.tensorBoard || {};
    if (report.step % everySteps !== 0) return;
    logs?.tensorBoard?.scalars('train', values, report.step);
    logs?.tensorBoard?.scalars('run', pickRunValues(report), report.step);
  }

  async #look(logs: Logs | undefined): Promise<void> {
    const result = await this.#task.look?.();
    if (!result) return;
    logs?.tensorBoard?.pictures('look', result.pictures, this.#step);
    this.#tell('look', { ...result.look, step: this.#step });
  }

  async #evaluate(logs: Logs | undefined, last?: StepResult): Promise<Evaluation | undefined> {
    const step = this.#step;
    const result = await this.#task.evaluate?.();
    if (!result) return undefined;
    const { metrics, evaluation, warnings = [] } = result;
    this.#evaluatedStep = step;
    logs?.metrics.write({ event: 'evaluate', step, ...metrics });
    logs?.tensorBoard?.scalars('evaluate', metrics, step);
    if (last) logs?.tensorBoard?.histogram('gradients/norms', [...last.gradientNorms.values()], step);
    await this.#writeHistograms(logs);
    void logs?.metrics.flush();
    await this.#rememberBest(metrics, logs);
    this.#tell('evaluate', { ...evaluation, step });
    for (const { code, message } of warnings) this.#warn(code, message);
    return evaluation;
  }

  async #writeHistograms({ tensorBoard }: Partial<Logs> = {}): Promise<void> {
    const { histograms: wanted = true } = this.#options.tensorBoard || {};
    if (!tensorBoard || !wanted) return;
    for await (const [tag, values] of this.#task.histograms?.() ?? []) tensorBoard.histogram(tag, values, this.#step);
  }

  async #rememberBest(metrics: Readonly<Record<string, number>>, logs: Logs | undefined): Promise<void> {
    const { best, directory } = this.#options;
    if (!best) return;
    const { metric, mode } = best;
    const value = metrics[metric];
    if (value === undefined) {
      throw new ConfigError({
        where: 'Trainer, best.metric',
        expected: `one of ${Object.keys(metrics).join(', ')}`,
        got: `"${metric}"`,
      });
    }
    const former = this.#best?.metric === metric ? this.#best.value : undefined;
    const isBetter = former === undefined || (mode === 'highest' ? value > former : value < former);
    if (!isBetter || !Number.isFinite(value)) return;
    // First, so that the checkpoint of the best knows that it is the best.
    this.#best = { metric, value, step: this.#step, file: undefined };
    const file =
      directory === undefined
        ? undefined
        : await this.#warnOnFailure(() => this.#write(join(directory, 'best'), 1, logs));
    this.#best = { ...this.#best, file };
    this.#tell('best', this.#best);
  }

  /** A full disk does not cost a finished run its evaluation; an aborted one has nothing but its checkpoint. */
  async #saveAtEnd(
    directory: string,
    reason: TrainingSummary<Evaluation>['reason'],
    logs: Logs | undefined,
  ): Promise<string | undefined> {
    if (reason === 'aborted') return this.#save(directory, logs);
    await this.#trySave(directory, logs);
    return this.#newestCheckpoint;
  }

  async #trySave(directory: string, logs: Logs | undefined): Promise<void> {
    await this.#warnOnFailure(() => this.#save(directory, logs));
  }

  async #warnOnFailure(write: () => Promise<string>): Promise<string | undefined> {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      this.#warn('checkpoint-failed', `${error.message} Training goes on; the next checkpoint may succeed.`);
      return undefined;
    }
  }

  async #save(directory: string, logs: Logs | undefined): Promise<string> {
    const file = await this.#write(directory, this.#options.checkpoint?.keep ?? 2, logs);
    this.#newestCheckpoint = file;
    this.#tell('checkpoint', { step: this.#step, file });
    return file;
  }

  /** @throws {TrainingDivergedError} instead of writing a weight that is not finite */
  async #write(directory: string, keep: number, logs: Logs | undefined): Promise<string> {
    const step = this.#step;
    const weight = await this.#nonFiniteWeight();
    if (weight !== undefined) {
      throw new TrainingDivergedError({
        step,
        term: 'weights',
        value: NaN,
        layer: weight,
        ...this.#diagnosis.largest(step, new Map()),
        checkpoint: this.#newestCheckpoint,
        batchIsFinite: true,
        weightsAreFinite: false,
        skippedInRow: this.#skippedInRow,
      });
    }
    // A log that lags behind its checkpoint has a gap after the run was killed and resumed.
    await logs?.metrics.flush();
    await logs?.tensorBoard?.flush();
    const state = {
      kind: this.#task.kind,
      configuration: asJson(this.#task.configuration),
      elapsedSeconds: this.#elapsedSeconds,
      dataPosition: step,
      dataFingerprint: this.#fingerprint ?? null,
      skippedSteps: this.#skippedSteps,
      skippedInRow: this.#skippedInRow,
      evaluatedStep: this.#evaluatedStep ?? null,
      best: this.#best ?? null,
      task: this.#task.state(),
      notes: this.#options.notes ?? null,
    };
    const tensors = variableTensors(this.#task.namedVariables());
    return writeCheckpoint(directory, { step, tensors, state }, { keep });
  }

  async #openLogs(directory: string): Promise<Logs> {
    const onError = (error: Error): void => this.#warn('log-failed', `A log could not be written: ${error.message}`);
    const metrics = await MetricsLog.open(
      join(directory, METRICS_LOG_FILE),
      { step: this.#step, isEvaluated: this.#evaluatedStep === this.#step },
      onError,
    );
    if (this.#options.tensorBoard === false) return { metrics, tensorBoard: undefined };
    return { metrics, tensorBoard: await TensorBoardLog.open(directory, this.#step, onError) };
  }

  #checkFingerprint(fingerprint: string | undefined): void {
    const expected = this.#expectedFingerprint;
    if (expected !== undefined && fingerprint !== undefined && expected !== fingerprint) {
      throw new ConfigError({
        where: 'Trainer, data',
        expected: `the data that the run began with (${expected})`,
        got: fingerprint,
        fix: "Open the same data in the same order, or, if the change is meant, call restore(path, { allowChanges: ['data'] }).",
      });
    }
    this.#fingerprint = fingerprint ?? expected;
  }

  /** Of a run that went further before it was taken back, or of one that is damaged. */
  async #warnOfLaterCheckpoints(directory: string): Promise<void> {
    const newest = (await listCheckpoints(directory)).at(-1);
    if (!newest || newest.step <= this.#step) return;
    this.#warn(
      'later-checkpoints',
      `${newest.file} is of step ${newest.step}, and this run goes on from step ${this.#step}: until it has passed it, restore with the folder would take that one. Remove it, or write to another folder.`,
    );
  }

  #warnSlowData(share: number): void {
    this.#warn(
      'slow-data',
      `Training waits ${(100 * share).toFixed(0)} % of the time for data. Use more workers or smaller files.`,
    );
  }

  #warn(code: string, message: string, step = this.#step): void {
    this.#tell('warning', { step, code, message });
  }

  /** TypeScript cannot resolve the arguments of `emit` while the types of the task are open. */
  #tell<K extends keyof TrainingEvents>(name: K, ...values: TrainingEvents<Evaluation, Look>[K]): void {
    (this as unknown as EventEmitter).emit(name, ...values);
  }
}

/** Sets variables from a checkpoint; returns the groups that it lacks, where that may be. */
async function restoreGroups(
  checkpoint: OpenedCheckpoint,
  variables: ReadonlyMap<string, tf.Variable>,
  groupsMayDiffer: boolean,
): Promise<Set<string>> {
  if (!groupsMayDiffer) {
    await restoreVariables(checkpoint, variables);
    return new Set();
  }
  const names = checkpoint.entries.map(({ name }) => name);
  const [present, known] = [groupsOf(names), groupsOf(variables.keys())];
  const unexpected = names.filter((name) => known.has(groupOf(name)) && !variables.has(name));
  if (unexpected.length > 0) {
    throw new ShapeError({
      where: checkpoint.file,
      expected: 'no other variables in the groups that both have',
      got: unexpected.join(', '),
    });
  }
  const shared = new Map([...variables].filter(([name]) => present.has(groupOf(name))));
  await restoreVariables(checkpoint, shared, { ignoreOthers: true });
  return new Set([...known].filter((group) => !present.has(group)));
}

const groupOf = (name: string): string => name.slice(0, name.indexOf('.'));

function groupsOf(names: Iterable<string>): Set<string> {
  return new Set([...names].map(groupOf));
}

/** What a checkpoint will give back: without what is undefined. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

function pickRunValues({ examplesPerSecond, skippedSteps }: StepReport): Record<string, number> {
  return { examplesPerSecond, skippedSteps };
}

/** Now rather than hours later, when the first one is due. @throws {ConfigError} */
function assertInterval({ everySteps, everySeconds }: IntervalOptions, name: string): void {
  if (everySteps !== undefined) assertInteger(everySteps, `${name}.everySteps`, 'Trainer');
  if (everySeconds !== undefined) assertInRange(everySeconds, `${name}.everySeconds`, 'Trainer', 0);
}

async function refuseForeignCheckpoints(directory: string): Promise<void> {
  const [first] = await listCheckpoints(directory);
  if (!first) return;
  throw new ConfigError({
    where: 'Trainer',
    expected: 'a directory without checkpoints for a new run',
    got: first.file,
    fix: 'Call restore(directory) to go on with that run, or choose another directory.',
  });
}
