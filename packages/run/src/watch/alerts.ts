import { mean } from '@vitvq/core';
import type { FollowedLog, TrainingLogEntry } from '@vitvq/training';

/** What is known of a training that may be in trouble. */
export interface WatchedTraining {
  readonly log: FollowedLog;
  /** Whether a process works on the run. */
  readonly isRunning: boolean;
  /** Whether the stage has its result. */
  readonly isDone: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Bytes that the disk of the run has left; undefined where that is not known. */
  readonly freeBytes: number | undefined;
  /** Bytes of the newest checkpoint; 0 before there is one. */
  readonly checkpointBytes: number;
}

/** Steps that alerts look back on. */
const recent = 50;

/** Seconds without a step after which a training counts as stuck, whatever its pace. */
const shortestSilence = 120;

/** Share of the codebook below which its health is worth a word. */
const lowUsage = 0.5;

/** Hinge loss of a discriminator that is hardly ever wrong. */
const lowDiscriminatorLoss = 0.1;

/** Returns sentences about what is going wrong, the gravest first. */
export function alertsOf(training: WatchedTraining): string[] {
  const { log, isRunning, isDone } = training;
  if (isDone) return [];
  const steps = log.entries.filter(({ event }) => event === 'step');
  const newest = log.newest.get('step');
  return [
    ...(isRunning
      ? silence(training, steps)
      : ['No process works on this run: vitvq train with the same --out goes on.']),
    ...divergence(newest, steps),
    ...room(training),
    ...pace(steps),
    ...growth(steps),
    ...codebook(log.newest.get('evaluate')),
    ...discriminator(steps),
  ];
}

function numberOf(entry: TrainingLogEntry | undefined, name: string): number | undefined {
  const value = entry?.[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Returns the values of the steps that have one. */
function valuesOf(steps: readonly TrainingLogEntry[], name: string): number[] {
  return steps.flatMap((entry) => numberOf(entry, name) ?? []);
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function silence({ log: { changedAt, newest }, now }: WatchedTraining, steps: readonly TrainingLogEntry[]): string[] {
  if (changedAt === undefined) return [];
  const [first, last] = [steps[0], newest.get('step')];
  const [begin, end] = [numberOf(first, 'elapsedSeconds'), numberOf(last, 'elapsedSeconds')];
  const done = (last?.step ?? 0) - (first?.step ?? 0);
  const secondsPerStep = begin === undefined || end === undefined || done === 0 ? 0 : (end - begin) / done;
  const silent = (now - changedAt) / 1000;
  if (silent < Math.max(shortestSilence, 20 * secondsPerStep)) return [];
  return [`Nothing was logged for ${Math.round(silent)} seconds, where a step takes ${secondsPerStep.toFixed(1)}.`];
}

function divergence(newest: TrainingLogEntry | undefined, steps: readonly TrainingLogEntry[]): string[] {
  const alerts: string[] = [];
  // JSON has no numbers that are not finite: they are null.
  if (newest && newest['loss'] === null) alerts.push(`The loss of step ${newest.step} is not finite.`);
  const [before, now] = [numberOf(steps.at(-recent) ?? steps[0], 'skippedSteps'), numberOf(newest, 'skippedSteps')];
  if (before !== undefined && now !== undefined && now > before) {
    alerts.push(`${now - before} of the last steps were skipped because gradients were not finite; ${now} in all.`);
  }
  return alerts;
}

function room({ freeBytes, checkpointBytes }: WatchedTraining): string[] {
  if (freeBytes === undefined || freeBytes >= 2 * checkpointBytes) return [];
  const [free, one] = [freeBytes, checkpointBytes].map((bytes) => (bytes / 1e6).toFixed(0));
  return [`The disk has ${free} MB left, and a checkpoint takes ${one} MB.`];
}

function pace(steps: readonly TrainingLogEntry[]): string[] {
  const rates = valuesOf(steps, 'examplesPerSecond');
  if (rates.length < 2 * recent) return [];
  const [usual, now] = [medianOf(rates), medianOf(rates.slice(-recent))];
  if (now >= usual / 2) return [];
  return [`The training has slowed down: ${now.toFixed(0)} images a second, where ${usual.toFixed(0)} are usual.`];
}

function growth(steps: readonly TrainingLogEntry[]): string[] {
  const sizes = valuesOf(steps, 'memoryBytes');
  if (sizes.length < 4 * recent) return [];
  // What compiles and warms up comes in the first quarter.
  const settled = sizes.slice(Math.floor(sizes.length / 4));
  const [before, now] = [
    mean(Float64Array.from(settled.slice(0, recent))),
    mean(Float64Array.from(settled.slice(-recent))),
  ];
  if (now < 1.5 * before) return [];
  return [`The memory of the process has grown from ${(before / 1e9).toFixed(2)} to ${(now / 1e9).toFixed(2)} GB.`];
}

function codebook(evaluation: TrainingLogEntry | undefined): string[] {
  const usage = numberOf(evaluation, 'usage');
  if (usage === undefined || usage >= lowUsage) return [];
  return [`Only ${(100 * usage).toFixed(0)} % of the codes are used; docs/codebook-health.md has what helps.`];
}

function discriminator(steps: readonly TrainingLogEntry[]): string[] {
  const losses = valuesOf(steps.slice(-recent), 'discriminator');
  if (losses.length < recent || mean(Float64Array.from(losses)) >= lowDiscriminatorLoss) return [];
  return ['The discriminator is hardly ever fooled any more: its gradients say little. A smaller one, or R1, helps.'];
}
