import { setImmediate } from 'node:timers/promises';
import type { BatchSource } from '@vitvq/core';
import { Interval } from '../interval.js';
import { isPreviewDue } from '../preview-schedule.js';
import type { TrainerOptions } from '../trainer-options.js';
import type { StepReport, TrainingSummary } from '../training-events.js';
import type { StepContext, StepResult } from '../training-task.js';
import { CheckpointInterval } from './checkpoint-interval.js';
import type { CheckpointPolicy } from './checkpoint-policy.js';
import type { DivergenceGuard } from './divergence-guard.js';
import type { Emitter } from './emitter.js';
import { Pace } from './pace.js';
import { Prefetch } from './prefetch.js';
import { RunClock } from './run-clock.js';
import type { RunLog } from './run-log.js';
import type { RunState } from './run-state.js';
import { trainableValues } from './task-parts.js';

const slowDataFraction = 0.3;
const slowDataSteps = 50;

/** Collaborators of one call of `Trainer.run`. */
export interface TrainingRunOptions<Batch, Evaluation extends object, Preview extends object> {
  readonly options: TrainerOptions<Batch, Evaluation, Preview>;
  readonly batches: BatchSource<Batch>;
  readonly state: RunState;
  readonly log: RunLog;
  readonly guard: DivergenceGuard;
  readonly checkpoints: CheckpointPolicy;
  readonly events: Emitter<Evaluation, Preview>;
  readonly signal: AbortSignal | undefined;
}

/** The loop of one call of `Trainer.run`. */
export class TrainingRun<Batch, Evaluation extends object, Preview extends object> {
  readonly #with: TrainingRunOptions<Batch, Evaluation, Preview>;
  readonly #clock: RunClock;
  readonly #pace: Pace;
  readonly #batches: Prefetch<Batch>;
  readonly #checkpointDue: CheckpointInterval;
  readonly #evaluationDue: Interval;

  constructor(collaborators: TrainingRunOptions<Batch, Evaluation, Preview>) {
    const { options, state, batches } = collaborators;
    const { checkpoint = {}, evaluation = {}, duration } = options;
    this.#with = collaborators;
    this.#clock = new RunClock(state.elapsedSeconds);
    this.#pace = new Pace(duration);
    this.#checkpointDue = new CheckpointInterval(checkpoint, this.#clock.now());
    this.#evaluationDue = new Interval(evaluation, this.#clock.now());
    this.#batches = new Prefetch(batches);
  }

  /** Trains until the run is done or aborted. */
  async train(): Promise<TrainingSummary<Evaluation>> {
    const { state, signal, checkpoints } = this.#with;
    if (state.step === 0 && !signal?.aborted) await this.#previewIfDue();
    while (!this.#isDone()) {
      // An engine that runs on this thread never pauses by itself: signals, timers and terminals
      // get their turn here.
      await setImmediate();
      if (signal?.aborted) break;
      const result = await this.#step();
      await this.#previewIfDue();
      if (this.#isDone()) break;
      // Before the checkpoint, which then knows of it: a run that is killed in between does neither
      // or both again.
      if (this.#isEvaluationDue()) await this.#evaluate(result);
      if (this.#checkpointDue.isDue(state.step, this.#clock.now())) await checkpoints.trySave();
    }
    return this.#finish();
  }

  /** Takes a batch, trains on it and reports. */
  async #step(): Promise<StepResult> {
    const { options, state, guard } = this.#with;
    const waitedFrom = this.#clock.now();
    const batch = await this.#batches.take();
    const startedAt = this.#clock.now();
    const context = this.#context(startedAt);
    if (state.evaluatedStep !== state.step && this.#isMilestone(context)) await this.#evaluate();
    const running = options.task.step(batch, context);
    this.#batches.askForNext();
    const result = await running;
    const skipped = await guard.judge(state.step + 1, result, () => options.task.isFinite(batch));
    state.step++;
    state.elapsedSeconds = this.#clock.now();
    this.#pace.count(result.examples, startedAt - waitedFrom, state.elapsedSeconds - waitedFrom);
    this.#report(result, skipped);
    return result;
  }

  #report({ values }: StepResult, skipped: boolean): void {
    const { state, log, events } = this.#with;
    const { step, skippedSteps, elapsedSeconds } = state;
    const report: StepReport = {
      step,
      progress: this.#pace.fraction(step, elapsedSeconds),
      totalSteps: this.#pace.totalSteps(step, elapsedSeconds),
      values,
      skipped,
      skippedSteps,
      examplesPerSecond: this.#pace.recentExamplesPerSecond,
      elapsedSeconds,
      remainingSeconds: this.#pace.remainingSeconds(step, elapsedSeconds),
    };
    log.step(report);
    events.emit('step', report);
    const { steps, waitFraction } = this.#pace;
    if (steps === slowDataSteps && waitFraction > slowDataFraction) {
      const message = `Training waits ${(100 * waitFraction).toFixed(0)} % of the time for data. Use more workers or smaller files.`;
      events.emit('warning', { step, code: 'slow-data', message });
    }
  }

  async #previewIfDue(): Promise<void> {
    const { options, state, log, events } = this.#with;
    const { task, preview } = options;
    if (!task.preview || !preview || !isPreviewDue(state.step, preview)) return;
    const draw = task.preview.bind(task);
    const result = await (task.ema ? task.ema.use(draw) : draw());
    log.preview(result.pictures, state.step);
    events.emit('preview', { ...result.preview, step: state.step });
  }

  #isEvaluationDue(): boolean {
    const { options, state } = this.#with;
    if (!options.evaluation) return false;
    const now = this.#clock.now();
    return this.#evaluationDue.isDue(state.step, now) || this.#isMilestone(this.#context(now));
  }

  #isMilestone(context: StepContext): boolean {
    const { task, evaluation } = this.#with.options;
    return evaluation !== undefined && (task.isMilestone?.(context) ?? false);
  }

  /** @param last  the step before the evaluation, where it belongs to this call */
  async #evaluate(last?: StepResult): Promise<Evaluation | undefined> {
    const { options, state, log, checkpoints, events } = this.#with;
    const { task } = options;
    const { step } = state;
    if (!task.evaluate) return undefined;
    const measure = task.evaluate.bind(task);
    const { metrics, evaluation, warnings = [], histograms } = await (task.ema ? task.ema.use(measure) : measure());
    state.evaluatedStep = step;
    log.evaluation(metrics, step);
    await log.histograms(step, last?.gradientNorms, histograms, trainableValues(task.parts));
    await checkpoints.rememberBest(metrics);
    events.emit('evaluate', { ...evaluation, step });
    for (const { code, message } of warnings) events.emit('warning', { step, code, message });
    return evaluation;
  }

  async #finish(): Promise<TrainingSummary<Evaluation>> {
    const { options, state, checkpoints, events } = this.#with;
    state.elapsedSeconds = this.#clock.now();
    const reason = this.#pace.isDone(state.step, state.elapsedSeconds) ? 'finished' : 'aborted';
    const checkpoint = await checkpoints.saveAtEnd(reason);
    const evaluation = options.evaluation && reason === 'finished' ? await this.#evaluate() : undefined;
    const summary: TrainingSummary<Evaluation> = {
      reason,
      step: state.step,
      skippedSteps: state.skippedSteps,
      elapsedSeconds: state.elapsedSeconds,
      examplesPerSecond: this.#pace.examplesPerSecond,
      checkpoint,
      best: state.best,
      evaluation,
    };
    events.emit('end', summary);
    return summary;
  }

  #context(now: number): StepContext {
    const { step } = this.#with.state;
    return { index: step, progress: this.#pace.progress(step, now) };
  }

  #isDone(): boolean {
    return this.#pace.isDone(this.#with.state.step, this.#clock.now());
  }
}
