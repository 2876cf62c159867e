import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { listCheckpoints, readCheckpoint, type LoadedCheckpoint } from '@vitvq/checkpoint';

/** Fields of the log that depend on the clock, or on the memory of the process. */
const ofTheProcess = ['elapsedSeconds', 'remainingSeconds', 'examplesPerSecond', 'memoryBytes'];

/** Everything that a training leaves, without what depends on the clock. */
export interface LeftByTraining {
  /** Every line of the log. */
  readonly log: readonly object[];
  /** Weights, states of optimizers, averages, and the state of the run. */
  readonly newest: Omit<LoadedCheckpoint, 'file'>;
  readonly best: Omit<LoadedCheckpoint, 'file'>;
  readonly bestFiles: readonly string[];
  /** Files of writes that a kill has cut off, also in `best`, and the lock of the folder. */
  readonly leftovers: readonly string[];
}

/** Reads everything that a training leaves. */
export async function leftBy(directory: string): Promise<LeftByTraining> {
  const best = join(directory, 'best');
  return {
    log: await readLog(directory),
    newest: withoutClock(await readCheckpoint(directory)),
    best: withoutClock(await readCheckpoint(best)),
    bestFiles: (await listCheckpoints(best)).map(({ file }) => basename(file)),
    leftovers: (await readdir(directory, { recursive: true })).filter((name) => basename(name).startsWith('.')),
  };
}

async function readLog(directory: string): Promise<object[]> {
  const lines = (await readFile(join(directory, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const entries = Object.entries(JSON.parse(line) as object).filter(([name]) => !ofTheProcess.includes(name));
    return Object.fromEntries(entries);
  });
}

function withoutClock({ tensors, step, state }: LoadedCheckpoint): Omit<LoadedCheckpoint, 'file'> {
  const { elapsedSeconds: _seconds, best, ...rest } = state as { elapsedSeconds: number; best: { file?: string } };
  return { tensors, step, state: { ...rest, best: { ...best, file: undefined } } };
}
