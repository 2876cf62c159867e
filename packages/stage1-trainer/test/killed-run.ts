import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { listCheckpoints, readCheckpoint, type LoadedCheckpoint } from '@vitvq/checkpoint';
import { foldIn, randomUniform, type RandomKey } from '@vitvq/core';
import { killedPlan } from './tiny-gan.js';

const program = fileURLToPath(new URL('programs/train-tiny-gan.ts', import.meta.url));

/** Longest time between a step and the kill after it: evaluations and writes take tens of them. */
const MILLISECONDS = 60;

/** So many steps at the end are left alone: the run could be over before the kill comes. */
const LAST_STEPS = 8;

/** What a run did when it was killed. */
export interface Kill {
  /** Number of steps that it had done. */
  readonly step: number;
  readonly doing: 'step' | 'codebook reset' | 'evaluation' | 'write';
  readonly discriminator: 'before its start' | 'at its start' | 'learning' | 'in the loss';
}

/**
 * Starts a run, kills it and starts it again, at moments that are spread over its whole life, and
 * lets it end.
 * @returns the kills
 */
export async function killedRun(directory: string, kills: number, key: RandomKey): Promise<Kill[]> {
  const happened: Kill[] = [];
  for (let index = 0; index < kills; index++) {
    const draws = randomUniform(foldIn(key, index), 2);
    const step = 1 + Math.floor(((index + draws[0]!) / kills) * (killedPlan.steps - LAST_STEPS));
    const kill = await train(directory, { step, milliseconds: MILLISECONDS * draws[1]! });
    if (!kill) throw new Error(`the run ended by itself, and should have been killed after step ${step}`);
    happened.push(kill);
  }
  if (await train(directory)) throw new Error('the run should have ended by itself');
  return happened;
}

/**
 * Runs the program, and kills it some milliseconds after a step.
 * @returns undefined where it ended by itself
 */
async function train(
  directory: string,
  kill?: { readonly step: number; readonly milliseconds: number },
): Promise<Kill | undefined> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@vitvq/source', program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const done = new Set<string>();
  let [step, isKilled] = [0, false];
  for await (const line of createInterface(child.stdout)) {
    done.add(line);
    if (!line.startsWith('step ')) continue;
    step = Number(line.slice('step '.length));
    if (isKilled || !kill || step < kill.step) continue;
    isKilled = true;
    await setTimeout(kill.milliseconds);
    child.kill('SIGKILL');
  }
  const [code, signal] = await closed;
  if (signal === null && code !== 0) throw new Error(`the run failed with code ${code}`);
  return signal === null ? undefined : { step, doing: doingAfter(step, done), discriminator: discriminatorAt(step) };
}

/** @param done what the run had printed */
function doingAfter(step: number, done: ReadonlySet<string>): Kill['doing'] {
  const { evaluateEvery, saveEvery, resetEvery, discriminatorStart, adversarialStart } = killedPlan;
  const isMilestone = step === discriminatorStart || step === adversarialStart;
  if ((step % evaluateEvery === 0 || isMilestone) && !done.has(`evaluate ${step}`)) return 'evaluation';
  if (step % saveEvery === 0 && !done.has(`checkpoint ${step}`)) return 'write';
  return (step + 1) % resetEvery === 0 ? 'codebook reset' : 'step';
}

function discriminatorAt(step: number): Kill['discriminator'] {
  const { discriminatorStart, adversarialStart } = killedPlan;
  if (step < discriminatorStart) return 'before its start';
  if (step === discriminatorStart) return 'at its start';
  return step < adversarialStart ? 'learning' : 'in the loss';
}

/** Everything that a run leaves, without what depends on the clock. */
export async function leftBy(directory: string): Promise<object> {
  const best = join(directory, 'best');
  return {
    log: await log(directory),
    newest: withoutClock(await readCheckpoint(directory)),
    best: withoutClock(await readCheckpoint(best)),
    // Of writes that a kill has cut off, also in `best`, and the lock of the folder.
    leftovers: (await readdir(directory, { recursive: true })).filter((name) => basename(name).startsWith('.')),
    bestFiles: (await listCheckpoints(best)).map(({ file }) => basename(file)),
  };
}

/** Returns every line of the log. */
async function log(directory: string): Promise<unknown[]> {
  const lines = (await readFile(join(directory, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const entry = JSON.parse(line) as Record<string, unknown>;
    for (const name of ['elapsedSeconds', 'remainingSeconds', 'examplesPerSecond', 'memoryBytes']) delete entry[name];
    return entry;
  });
}

function withoutClock({ tensors, step, state }: LoadedCheckpoint): object {
  const { elapsedSeconds: _seconds, best, ...rest } = state as { elapsedSeconds: number; best: { file?: string } };
  return { tensors, step, state: { ...rest, best: { ...best, file: undefined } } };
}
