import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { foldIn, randomBits, randomKey } from '@vitvq/core';
import { it, scriptOptions } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { listCheckpoints, openModel, readCheckpoint, writeCheckpoint } from '../src/index.js';

const names = ['a', 'b', 'c', 'd'];
const length = 50_000;

/**
 * Resumes from the newest checkpoint, writes one after the other, and prints each step that is
 * safe.
 */
const program = `
  import { latestCheckpoint, readCheckpointState, writeCheckpoint } from '@vitvq/checkpoint';
  const [folder, maximumShardBytes] = process.argv.slice(1);
  const newest = await latestCheckpoint(folder);
  for (let step = newest ? (await readCheckpointState(newest)).step + 1 : 1; ; step++) {
    const tensors = new Map(${JSON.stringify(names)}.map((name) =>
      [name, { shape: [${length}], data: new Float32Array(${length}).fill(step) }]));
    await writeCheckpoint(folder, { step, tensors, state: { step } },
      { keep: 2, maximumShardBytes: Number(maximumShardBytes) });
    console.log(step);
  }`;

/** Kills the program some time after its first step, and returns the last step that it printed. */
async function runAndKill(
  folder: string,
  maximumShardBytes: number,
  milliseconds: number,
  killed = program,
): Promise<number> {
  const child = spawn(process.execPath, [...scriptOptions, '-e', killed, folder, String(maximumShardBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let safe = 0;
  for await (const line of createInterface(child.stdout)) {
    if (safe === 0) setTimeout(() => child.kill('SIGKILL'), milliseconds);
    safe = Number(line);
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
  return safe;
}

describe.skipIf(process.platform === 'win32').each([
  ['one file', 2 ** 30],
  ['several files', 4 * length],
])('a process that is killed while it writes checkpoints of %s', (_, maximumShardBytes) => {
  it('leaves an intact one, at least as new as the last that it finished', async ({ temporaryFolder: folder }) => {
    const milliseconds = randomBits(foldIn(randomKey(11), maximumShardBytes), 2);
    for (const time of milliseconds) {
      const safe = await runAndKill(folder, maximumShardBytes, time % 60);
      const { step, state, tensors } = await readCheckpoint(folder);
      expect(step).toBeGreaterThanOrEqual(safe);
      expect(state).toEqual({ step });
      expect([...tensors.keys()]).toEqual(names);
      for (const { data } of tensors.values()) expect(data).toEqual(new Float32Array(length).fill(step));
      for (const { file } of await listCheckpoints(folder)) await readCheckpoint(file);
    }
    // The next write removes the files that killed processes left.
    const old = new Date(0);
    for (const name of await fs.readdir(folder)) {
      if (name.endsWith('.tmp')) await fs.utimes(join(folder, name), old, old);
    }
    await writeCheckpoint(folder, { step: 10 ** 6, tensors: new Map(), state: null }, { keep: 1 });
    expect(await fs.readdir(folder)).toEqual(['checkpoint-01000000.safetensors']);
  });
});

/** Writes models one after the other into one folder, and prints each number that is written. */
const modelProgram = `
  import { openModel, writeModel } from '@vitvq/checkpoint';
  const [folder, maximumShardBytes] = process.argv.slice(1);
  const before = await openModel(folder).catch(() => undefined);
  for (let number = (before?.config ?? 0) + 1; ; number++) {
    const tensors = new Map(${JSON.stringify(names)}.map((name) =>
      [name, { shape: [${length}], data: new Float32Array(${length}).fill(number) }]));
    // One file and several by turns, so that the files of the one before are obsolete.
    const maximum = number % 2 === 0 ? 2 ** 30 : Number(maximumShardBytes);
    await writeModel(folder, { type: 'x', config: number }, tensors, { maximumShardBytes: maximum });
    console.log(number);
  }`;

describe.skipIf(process.platform === 'win32')('a process that is killed while it writes models', () => {
  it('leaves one whose weights belong to its config', async ({ temporaryFolder: folder }) => {
    await fs.writeFile(join(folder, 'README.md'), 'ours');
    for (const time of randomBits(foldIn(randomKey(12), 0), 3)) {
      const safe = await runAndKill(folder, 4 * length, time % 40, modelProgram);
      const model = await openModel(folder);
      expect(model.config).toBeGreaterThanOrEqual(safe);
      for (const entry of model.entries) {
        expect((await model.read(entry)).data).toEqual(new Float32Array(length).fill(model.config as number));
      }
      expect(model.entries).toHaveLength(names.length);
      await model.close();
    }
    expect(await fs.readFile(join(folder, 'README.md'), 'utf8')).toBe('ours');
  });
});
