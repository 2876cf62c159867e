import '@tensorflow/tfjs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCheckpoint, type LoadedCheckpoint } from '@vitvq/checkpoint';
import { randomKey, randomUniform } from '@vitvq/core';
import { doctor, useEngine } from '@vitvq/engine';
import { killedTrainer } from './tiny-gan.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);
const program = fileURLToPath(new URL('programs/train-tiny-gan.ts', import.meta.url));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vitvq-killed-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/**
 * Runs the program and kills it some milliseconds after the given number of its steps; without,
 * lets it end.
 * @returns the signal that ended it, null for none
 */
async function train(directory: string, kill?: { steps: number; milliseconds: number }): Promise<string | null> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@vitvq/source', program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  let steps = 0;
  for await (const line of createInterface(child.stdout)) {
    if (!line.startsWith('step ') || ++steps !== kill?.steps) continue;
    await setTimeout(kill.milliseconds);
    child.kill('SIGKILL');
  }
  const [code, signal] = await closed;
  if (signal === null) expect(code).toBe(0);
  return signal;
}

/** Every line of the log without what depends on the clock. */
async function log(directory: string): Promise<unknown[]> {
  const lines = (await readFile(join(directory, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const entry = JSON.parse(line) as Record<string, unknown>;
    for (const name of ['elapsedSeconds', 'remainingSeconds', 'examplesPerSecond']) delete entry[name];
    return entry;
  });
}

const withoutClock = ({ tensors, step, state }: LoadedCheckpoint): unknown => {
  const { elapsedSeconds: _seconds, best, ...rest } = state as { elapsedSeconds: number; best: { file?: string } };
  return { tensors, step, state: { ...rest, best: { ...best, file: undefined } } };
};

describe.skipIf(!hasOnnx)('a run that is killed', () => {
  it(
    'goes on as if it had not been, bit for bit: losses, weights, optimizers, averages, best checkpoint',
    { timeout: 180_000 },
    async () => {
      const [straight, killed] = [join(root, 'straight'), join(root, 'killed')];
      await useEngine({ name: 'onnx', threads: 1, onCompile: () => undefined });
      const trainer = killedTrainer(straight);
      await trainer.run();
      trainer.dispose();

      const draws = randomUniform(randomKey(20), 6);
      for (const index of [0, 1, 2]) {
        const steps = 1 + Math.floor(12 * draws[2 * index]!);
        const milliseconds = 30 * draws[2 * index + 1]!;
        expect(await train(killed, { steps, milliseconds })).toBe('SIGKILL');
      }
      expect(await train(killed)).toBeNull();

      expect(await log(killed)).toEqual(await log(straight));
      const [expected, got] = [await readCheckpoint(straight), await readCheckpoint(killed)];
      expect(expected.tensors.size).toBeGreaterThan(150);
      expect(withoutClock(got)).toEqual(withoutClock(expected));
      const best = (directory: string): string => join(directory, 'best');
      expect(await readdir(best(killed))).toEqual(await readdir(best(straight)));
      expect(withoutClock(await readCheckpoint(best(killed)))).toEqual(
        withoutClock(await readCheckpoint(best(straight))),
      );
    },
  );
});
