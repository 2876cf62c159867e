import type { Variable } from '@tensorflow/tfjs-core';
import { restoreVariables, type OpenedCheckpoint } from '@vitvq/checkpoint';
import { ConfigError, ShapeError } from '@vitvq/core';
import { trainingStateOf } from '../training-state.js';
import type { TrainingTask } from '../training-task.js';
import { differences, isAllowed, listDifferences } from './differences.js';
import type { RunState } from './run-state.js';
import { asJson, partVariables } from './task-parts.js';

/**
 * Sets a task and the state of its run to a checkpoint.
 * @param allowChanges  true for every difference, or the paths of those that are meant
 * @throws {ConfigError} for another config, naming each difference that is not allowed
 * @throws {ShapeError} for another model, naming what differs
 */
export async function restoreRun(
  checkpoint: OpenedCheckpoint,
  task: Pick<TrainingTask<never>, 'kind' | 'config' | 'parts'>,
  state: RunState,
  allowChanges: boolean | readonly string[],
): Promise<void> {
  const saved = trainingStateOf(checkpoint, task.kind);
  assertSameConfig(saved.config, task, checkpoint.file, allowChanges);
  const fresh = await restoreParts(checkpoint, partVariables(task.parts), allowChanges !== false);
  for (const [name, part] of Object.entries(task.parts)) {
    if (name in saved.parts) part.restoreState?.(saved.parts[name]);
    if (fresh.has(name)) part.restart?.();
  }
  const { step, skippedSteps, skippedInRow, elapsedSeconds } = saved;
  Object.assign(state, {
    step,
    skippedSteps,
    skippedInRow,
    elapsedSeconds,
    isRestored: true,
    evaluatedStep: saved.evaluatedStep ?? undefined,
    best: saved.best ? { ...saved.best, file: saved.best.file } : undefined,
    newestCheckpoint: checkpoint.file,
    expectedFingerprint: isAllowed('data', allowChanges) ? undefined : (saved.dataFingerprint ?? undefined),
  } satisfies Partial<RunState>);
}

function assertSameConfig(
  saved: unknown,
  { config }: Pick<TrainingTask<never>, 'config'>,
  where: string,
  allowChanges: boolean | readonly string[],
): void {
  const refused = differences(saved, asJson(config)).filter(({ path }) => !isAllowed(path, allowChanges));
  if (refused.length === 0) return;
  const paths = refused.map(({ path }) => `'${path}'`).join(', ');
  throw new ConfigError({
    where,
    expected: 'a checkpoint of the same config',
    got: listDifferences(refused),
    fix: `Go on with the config of the checkpoint, or, if the change is meant, call restore(path, { allowChanges: [${paths}] }).`,
  });
}

/**
 * Sets variables from a checkpoint; returns the names of the parts that it lacks, where it may lack
 * some.
 */
async function restoreParts(
  checkpoint: OpenedCheckpoint,
  variables: ReadonlyMap<string, Variable>,
  partsMayDiffer: boolean,
): Promise<Set<string>> {
  if (!partsMayDiffer) {
    await restoreVariables(checkpoint, variables);
    return new Set();
  }
  const names = checkpoint.entries.map(({ name }) => name);
  const [present, known] = [partsOf(names), partsOf(variables.keys())];
  const unexpected = names.filter((name) => known.has(partOf(name)) && !variables.has(name));
  if (unexpected.length > 0) {
    throw new ShapeError({
      where: checkpoint.file,
      expected: 'no other variables in the parts that both have',
      got: unexpected.join(', '),
    });
  }
  const shared = new Map([...variables].filter(([name]) => present.has(partOf(name))));
  await restoreVariables(checkpoint, shared, { ignoreOthers: true });
  return new Set([...known].filter((part) => !present.has(part)));
}

const partOf = (name: string): string => name.slice(0, name.indexOf('.'));

function partsOf(names: Iterable<string>): Set<string> {
  return new Set([...names].map(partOf));
}
