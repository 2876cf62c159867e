import { variableTensors, writeCheckpoint } from '@vitvq/checkpoint';
import { ConfigError, DataError } from '@vitvq/core';
import { FolderTakenError, type FolderLock } from '@vitvq/files';
import type { BestMetric } from '../trainer-options.js';
import type { TrainingSummary } from '../training-events.js';
import type { TrainingTask } from '../training-task.js';
import type { DivergenceGuard } from './divergence-guard.js';
import type { Emitter } from './emitter.js';
import { bestDirectory } from './run-directory.js';
import type { RunLog } from './run-log.js';
import type { RunState } from './run-state.js';
import { asJson, partStates, partVariables } from './task-parts.js';

/** Parts of a training that {@link CheckpointPolicy} needs. */
export interface CheckpointPolicyOptions {
  readonly directory: string | undefined;
  /** Lock of the directory, where there is one. */
  readonly lock: FolderLock | undefined;
  /** Number of checkpoints that stay. */
  readonly keep: number;
  readonly best: BestMetric | undefined;
  readonly notes: unknown;
  readonly task: Pick<TrainingTask<never>, 'kind' | 'config' | 'parts'>;
  readonly state: RunState;
  readonly guard: DivergenceGuard;
  readonly log: RunLog;
  readonly events: Pick<Emitter<unknown, unknown>, 'emit'>;
}

/**
 * Writes checkpoints: now and then, at the end, and of the best evaluation. Without a directory it
 * writes none.
 */
export class CheckpointPolicy {
  readonly #options: CheckpointPolicyOptions;

  constructor(options: CheckpointPolicyOptions) {
    this.#options = options;
  }

  /**
   * Saves; a checkpoint that cannot be written is a warning.
   * @throws {FolderTakenError} when another run has taken the directory
   */
  async trySave(): Promise<void> {
    const { directory } = this.#options;
    if (directory !== undefined) await this.#warnOnFailure(() => this.#save(directory));
  }

  /**
   * Saves at the end of a run. A full disk does not cost a finished run its evaluation; an aborted
   * run has nothing but its checkpoint.
   * @returns the newest checkpoint
   * @throws {DataError} when the checkpoint of an aborted run cannot be written
   */
  async saveAtEnd(reason: TrainingSummary<unknown>['reason']): Promise<string | undefined> {
    const { directory, state } = this.#options;
    if (directory === undefined) return undefined;
    if (reason === 'aborted') return this.#save(directory);
    await this.trySave();
    return state.newestCheckpoint;
  }

  /**
   * Keeps the checkpoint of an evaluation that is better than all before.
   * @throws {ConfigError} for an unknown metric
   */
  async rememberBest(metrics: Readonly<Record<string, number>>): Promise<void> {
    const { best, directory, state, events } = this.#options;
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
    const former = state.best?.metric === metric ? state.best.value : undefined;
    const isBetter = former === undefined || (mode === 'highest' ? value > former : value < former);
    if (!isBetter || !Number.isFinite(value)) return;
    // Before it is written, so that the checkpoint of the best knows that it is the best.
    state.best = { metric, value, step: state.step, file: undefined };
    const file =
      directory === undefined ? undefined : await this.#warnOnFailure(() => this.#write(bestDirectory(directory), 1));
    state.best = { ...state.best, file };
    events.emit('best', state.best);
  }

  async #warnOnFailure(write: () => Promise<string>): Promise<string | undefined> {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof DataError) || error instanceof FolderTakenError) throw error;
      const message = `${error.message} Training goes on; the next checkpoint may succeed.`;
      this.#options.events.emit('warning', { step: this.#options.state.step, code: 'checkpoint-failed', message });
      return undefined;
    }
  }

  async #save(directory: string): Promise<string> {
    const { state, keep, events } = this.#options;
    const file = await this.#write(directory, keep);
    state.newestCheckpoint = file;
    events.emit('checkpoint', { step: state.step, file });
    return file;
  }

  /**
   * Before a run of weeks writes, its directory may have been removed, moved or lost with its disk.
   */
  async #confirmDirectory(): Promise<void> {
    const { directory, lock, state, events } = this.#options;
    if (!(await lock?.confirm())) return;
    const message =
      `${directory} has been removed, moved or replaced since the run last wrote to it, or its lock was removed: ` +
      'the run has taken it anew. What lay there may be missing; the next checkpoint holds everything that a resumed run needs.';
    events.emit('warning', { step: state.step, code: 'directory-lost', message });
  }

  /** @throws {TrainingDivergedError} instead of writing a weight that is not finite */
  async #write(directory: string, keep: number): Promise<string> {
    const { task, state, guard, log, notes } = this.#options;
    await guard.assertFiniteWeights();
    await this.#confirmDirectory();
    // A log that lags behind its checkpoint would have a gap after the run was killed and resumed.
    await log.flush();
    const { step, elapsedSeconds, skippedSteps, skippedInRow, evaluatedStep, best, fingerprint } = state;
    const saved = {
      kind: task.kind,
      config: asJson(task.config),
      elapsedSeconds,
      dataPosition: step,
      dataFingerprint: fingerprint ?? null,
      skippedSteps,
      skippedInRow,
      evaluatedStep: evaluatedStep ?? null,
      best: best ?? null,
      parts: partStates(task.parts),
      notes: notes ?? null,
    };
    return writeCheckpoint(
      directory,
      { step, tensors: variableTensors(partVariables(task.parts)), state: saved },
      { keep },
    );
  }
}
