import { listCheckpoints, openCheckpoint } from '@vitvq/checkpoint';
import { assertInRange, assertInteger, assertMembers, assertOneOf, checkOptions, ConfigError } from '@vitvq/core';
import { FolderTakenError, type FolderLock } from '@vitvq/files';
import { assertGradientsRegistered } from './internal/assert-gradients-registered.js';
import { CheckpointPolicy } from './internal/checkpoint-policy.js';
import { DivergenceGuard } from './internal/divergence-guard.js';
import { Emitter, type Listener } from './internal/emitter.js';
import { inRunDirectory } from './internal/run-directory.js';
import { restoreRun } from './internal/restore-run.js';
import { RunLog } from './internal/run-log.js';
import { initialState } from './internal/run-state.js';
import { partVariables } from './internal/task-parts.js';
import { TrainingRun } from './internal/training-run.js';
import { intervalOptionNames, type IntervalOptions } from './interval.js';
import { previewScheduleNames } from './preview-schedule.js';
import { innerOptionNames, restoreOptionNames, type RestoreOptions, type TrainerOptions } from './trainer-options.js';
import { TrainingDivergedError } from './training-diverged-error.js';
import type { BestCheckpoint, TrainingEvents, TrainingSummary } from './training-events.js';

/**
 * The loop around a task: batches, pace, evaluations, previews, checkpoints, logs, divergence.
 *
 * A run by steps is a function of config and data. Stopped, or killed at any moment, and resumed on
 * the same engine it gives the same numbers bit for bit. While a step runs, the next batch is
 * prepared.
 *
 * The class is final. Ownership: the trainer disposes of its task.
 */
export class Trainer<Batch, Evaluation extends object, Preview extends object> {
  readonly #options: TrainerOptions<Batch, Evaluation, Preview>;
  readonly #events = new Emitter<Evaluation, Preview>();
  readonly #state = initialState();
  readonly #guard: DivergenceGuard;

  /**
   * @throws {ConfigError} when no gradients are registered, and for intervals and counts that make
   *   no sense
   */
  constructor(options: TrainerOptions<Batch, Evaluation, Preview>) {
    assertGradientsRegistered('Trainer');
    const required = { task: 'required', duration: 'required', openBatches: 'required' } as const;
    checkOptions<Pick<typeof options, keyof typeof required>>(options, required, 'Trainer', { allowOthers: true });
    const { checkpoint = {}, evaluation = {}, nonFinite = { action: 'stop', maximumInRow: 0 }, task } = options;
    const { best, preview = {}, tensorBoard = {} } = options;
    checkOptions(checkpoint, innerOptionNames.checkpoint, 'Trainer, checkpoint');
    checkOptions(nonFinite, innerOptionNames.nonFinite, 'Trainer, nonFinite');
    assertOneOf(nonFinite.action, ['stop', 'skip'], 'nonFinite.action', 'Trainer');
    if (best !== undefined) {
      checkOptions(best, innerOptionNames.best, 'Trainer, best');
      assertOneOf(best.mode, ['highest', 'lowest'], 'best.mode', 'Trainer');
    }
    if (tensorBoard !== false) checkOptions(tensorBoard, innerOptionNames.tensorBoard, 'Trainer, tensorBoard');
    // Each trainer has measurements and pictures of its own.
    checkOptions(evaluation, intervalOptionNames, 'Trainer, evaluation', { allowOthers: true });
    checkOptions(preview, previewScheduleNames, 'Trainer, preview', { allowOthers: true });
    assertInteger(checkpoint.keep ?? 2, 'checkpoint.keep', 'Trainer');
    assertInterval(checkpoint, 'checkpoint');
    assertInterval(evaluation, 'evaluation');
    this.#options = options;
    this.#guard = new DivergenceGuard({
      policy: nonFinite,
      state: this.#state,
      variables: () => partVariables(task.parts),
      warn: (code, message, step) => this.#warn(code, message, step),
    });
  }

  /** Number of steps so far, skipped ones included. */
  get step(): number {
    return this.#state.step;
  }

  /** Best evaluation so far. */
  get best(): BestCheckpoint | undefined {
    return this.#state.best;
  }

  /** JSON that a resumed run compares: the task's config with its defaults. */
  get config(): Readonly<Record<string, unknown>> {
    return this.#options.task.config;
  }

  /** Adds a listener; an error that it throws ends the run. */
  on<K extends keyof TrainingEvents>(name: K, listener: Listener<Evaluation, Preview, K>): this {
    this.#events.on(name, listener);
    return this;
  }

  /** Removes a listener. */
  off<K extends keyof TrainingEvents>(name: K, listener: Listener<Evaluation, Preview, K>): this {
    this.#events.off(name, listener);
    return this;
  }

  /**
   * Goes on from a checkpoint: a file, or the newest one of a folder. Call it before `run`.
   *
   * With `allowChanges`, a part that only one side has (an EMA, a discriminator) starts afresh or
   * is left out; within a part, names and shapes must fit.
   * @throws {DataError} when it cannot be read
   * @throws {ConfigError} when it belongs to another config, naming each difference that is not
   *   allowed
   * @throws {ShapeError} when it belongs to another model, naming what differs
   */
  async restore(directoryOrFile: string, options: RestoreOptions = {}): Promise<void> {
    const { allowChanges = false } = checkOptions(options, restoreOptionNames, 'Trainer.restore');
    const checkpoint = await openCheckpoint(directoryOrFile);
    try {
      await restoreRun(checkpoint, this.#options.task, this.#state, allowChanges);
    } finally {
      await checkpoint.close();
    }
  }

  /**
   * Does what {@link restore} does where the folder holds a checkpoint, and nothing elsewhere.
   * @returns whether there was one
   */
  async resume(directory: string, options: RestoreOptions = {}): Promise<boolean> {
    checkOptions(options, restoreOptionNames, 'Trainer.resume');
    const exists = (await listCheckpoints(directory)).length > 0;
    if (exists) await this.restore(directory, options);
    return exists;
  }

  /**
   * Trains until the duration is over or `signal` aborts; then it saves and evaluates (an abort
   * only saves).
   * @throws {TrainingDivergedError} when loss, gradient or a weight are not finite; checkpoints
   *   stay as they are
   * @throws {ConfigError} when the directory holds checkpoints of a run that was not restored, when
   *   the data is not that of the restored run, or when `best` names no metric of the task
   * @throws {DataError} when another run writes to the directory, also when it has begun to since,
   *   when the directory cannot be written to, and when an abort cannot write its checkpoint
   *   (elsewhere that is a warning)
   */
  async run(options: { readonly signal?: AbortSignal } = {}): Promise<TrainingSummary<Evaluation>> {
    const { signal } = checkOptions(options, { signal: 'optional' }, 'Trainer.run');
    const { directory, task } = this.#options;
    return inRunDirectory(directory, task, (lock) => this.#run(signal, lock));
  }

  /**
   * Runs `fn` while the model holds its EMA, where there is one: the weights that evaluations
   * measure. Not during `run`.
   */
  withEMA<T>(fn: () => Promise<T>): Promise<T> {
    const { ema } = this.#options.task;
    return ema ? ema.use(fn) : fn();
  }

  /** Disposes of the task and of what the trainer compiled. */
  dispose(): void {
    this.#guard.dispose();
    this.#options.task.dispose();
  }

  async #run(signal: AbortSignal | undefined, lock: FolderLock | undefined): Promise<TrainingSummary<Evaluation>> {
    const { openBatches, directory, tensorBoard = {}, evaluation, task } = this.#options;
    if (evaluation) await task.assertHeldOut?.();
    if (directory !== undefined) {
      if (!this.#state.isRestored && this.#state.step === 0) await refuseForeignCheckpoints(directory);
      await this.#warnOfLaterCheckpoints(directory);
    }
    const batches = await openBatches(this.#state.step);
    assertMembers(batches, ['next', 'close'], 'what openBatches returns', 'Trainer');
    let log: RunLog | undefined;
    try {
      this.#checkFingerprint(batches.fingerprint);
      const onError = (error: Error): void => this.#warn('log-failed', `A log could not be written: ${error.message}`);
      const onDamaged = (message: string): void => this.#warn('log-damaged', message);
      log = await RunLog.open(directory, this.#state, { tensorBoard, onError, onDamaged });
      const checkpoints = this.#checkpointPolicy(log, lock);
      const collaborators = { state: this.#state, guard: this.#guard, events: this.#events };
      return await new TrainingRun({
        options: this.#options,
        batches,
        log,
        checkpoints,
        signal,
        ...collaborators,
      }).train();
    } catch (error) {
      if (error instanceof FolderTakenError) log?.leave();
      this.#tellWhereToGoOn(error);
      throw error;
    } finally {
      await log?.close();
      await batches.close();
    }
  }

  #checkpointPolicy(log: RunLog, lock: FolderLock | undefined): CheckpointPolicy {
    const { directory, checkpoint, best, notes, task } = this.#options;
    return new CheckpointPolicy({
      directory,
      lock,
      keep: checkpoint?.keep ?? 2,
      best,
      notes,
      task,
      state: this.#state,
      guard: this.#guard,
      log,
      events: this.#events,
    });
  }

  /**
   * Says what an error leaves: an engine that has failed or memory that ran out says nothing of it.
   */
  #tellWhereToGoOn(error: unknown): void {
    const { newestCheckpoint } = this.#state;
    if (this.#options.directory === undefined || error instanceof TrainingDivergedError) return;
    const rest =
      newestCheckpoint === undefined
        ? 'No checkpoint had been written.'
        : `Its newest checkpoint is ${newestCheckpoint}: a resumed run goes on from there.`;
    this.#warn('ended-by-error', `An error has ended the training after step ${this.#state.step}. ${rest}`);
  }

  #checkFingerprint(fingerprint: string | undefined): void {
    const expected = this.#state.expectedFingerprint;
    if (expected !== undefined && fingerprint !== undefined && expected !== fingerprint) {
      throw new ConfigError({
        where: 'Trainer, data',
        expected: `the data that the run began with (${expected})`,
        got: fingerprint,
        fix: "Open the same data in the same order, or, if the change is meant, call restore(path, { allowChanges: ['data'] }).",
      });
    }
    this.#state.fingerprint = fingerprint ?? expected;
  }

  /**
   * Warns of a checkpoint from a run that went further before it was taken back, or from one that
   * is damaged.
   */
  async #warnOfLaterCheckpoints(directory: string): Promise<void> {
    const newest = (await listCheckpoints(directory)).at(-1);
    const { step } = this.#state;
    if (!newest || newest.step <= step) return;
    this.#warn(
      'later-checkpoints',
      `${newest.file} is of step ${newest.step}, and this run goes on from step ${step}: until the run has passed that step, restoring the folder would take that file. Remove the file, or write to another folder.`,
    );
  }

  #warn(code: string, message: string, step = this.#state.step): void {
    this.#events.emit('warning', { step, code, message });
  }
}

/**
 * Checks an interval when the trainer is made, and not hours later when it is first due.
 * @throws {ConfigError}
 */
function assertInterval({ everySteps, everySeconds }: IntervalOptions, name: string): void {
  if (everySteps !== undefined) assertInteger(everySteps, `${name}.everySteps`, 'Trainer');
  if (everySeconds !== undefined) assertInRange(everySeconds, `${name}.everySeconds`, 'Trainer', 0);
}

/** @throws {ConfigError} when the directory of a new run holds checkpoints */
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
