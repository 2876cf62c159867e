import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { readCheckpoint } from '@vitvq/checkpoint';
import { it, programOptions } from '@vitvq/test-utils/node';
import { afterEach, describe, expect } from 'vitest';
import { readTrainingLog } from '../src/index.js';
import { makeSmallDisk } from './small-disk.js';

const program = fileURLToPath(new URL('programs/train-sum.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
/** The user `nobody`: root may write to every folder. */
const nobody = 65534;

let directory: string;
it.beforeEach(({ temporaryFolder }) => void (directory = join(temporaryFolder, 'run')));

/** A training in a process of its own. */
class Training {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly printed: string[] = [];
  readonly #lines: AsyncIterator<string>;

  constructor(steps: number, pauses: readonly number[] = [], environment: Readonly<Record<string, string>> = {}) {
    const argv = [...programOptions, program, directory, String(steps), pauses.join()];
    const env = { ...process.env, ...environment };
    this.child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.#lines = createInterface(this.child.stdout)[Symbol.asyncIterator]();
    started.push(this);
  }

  /** Waits until it waits. */
  async paused(): Promise<void> {
    if (!(await this.#until('paused'))) throw new Error(`the training ended:\n${this.printed.join('\n')}`);
  }

  goOn(): void {
    this.child.stdin.write('\n');
  }

  /** Waits for its end and returns its exit code. */
  async ended(): Promise<number | null> {
    await this.#until(undefined);
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    return this.child.exitCode;
  }

  of(word: string): string[] {
    return this.printed.filter((line) => line.startsWith(`${word} `));
  }

  async #until(text: string | undefined): Promise<boolean> {
    for (let line = await this.#lines.next(); !line.done; line = await this.#lines.next()) {
      this.printed.push(line.value);
      if (line.value === text) return true;
    }
    return false;
  }
}

const started: Training[] = [];
afterEach(() => {
  for (const { child } of started.splice(0)) child.kill('SIGKILL');
});

/** Sum of the numbers up to a step. */
const sumTo = (step: number): number => (step * (step + 1)) / 2;

/** Reads the newest checkpoint, all of whose bytes are checked, and compares what it holds. */
async function expectCheckpoint(step: number, folder = directory): Promise<void> {
  const checkpoint = await readCheckpoint(folder);
  expect(checkpoint.step).toBe(step);
  expect([...checkpoint.tensors.get('sum.total')!.data]).toEqual([sumTo(step)]);
}

const stepsOfLog = async (): Promise<number[]> => (await readTrainingLog(directory)).map(({ step }) => step);
const stepsTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

const noDisk = 'no disk can be mounted here, and prlimit is not installed';

describe('a disk that is full for a while', () => {
  it('costs warnings; the last checkpoint stays, and the next one is written when there is room', async ({ skip }) => {
    const disk = (await makeSmallDisk(directory)) ?? skip(noDisk);
    try {
      const training = new Training(8, [4, 7]);
      await training.paused();
      await disk.fill(training.child.pid!);
      training.goOn();
      await training.paused();
      await expectCheckpoint(3);
      expect(training.of('warning checkpoint-failed:')[0]).toMatch(
        new RegExp(`expected to write the file, got .* \\(${disk.code}\\)\\. .* Training goes on; the next checkpoint`),
      );
      await disk.makeRoom(training.child.pid!);
      training.goOn();
      expect(await training.ended()).toBe(0);
      expect(training.printed.at(-1)).toBe('ended after step 8');
      await expectCheckpoint(8);
      expect(await stepsOfLog()).toEqual(stepsTo(8));
      expect((await readdir(directory)).filter((name) => name.startsWith('.'))).toEqual([]);
    } finally {
      disk.remove();
    }
  });

  it('costs a process that is killed in the meantime what it did since the last checkpoint', async ({ skip }) => {
    const disk = (await makeSmallDisk(directory)) ?? skip(noDisk);
    try {
      const training = new Training(8, [4, 7]);
      await training.paused();
      await disk.fill(training.child.pid!);
      training.goOn();
      await training.paused();
      training.child.kill('SIGKILL');
      await training.ended();
      await disk.makeRoom(process.pid).catch(() => undefined);
      const next = new Training(8);
      expect(await next.ended()).toBe(0);
      expect(next.of('checkpoint')[0]).toBe('checkpoint 4');
      await expectCheckpoint(8);
      expect(await stepsOfLog()).toEqual(stepsTo(8));
    } finally {
      disk.remove();
    }
  });
});

const noModes = 'Windows has no modes that make a folder read-only';

describe('a read-only folder', () => {
  const isWindows = process.platform === 'win32';
  const asNobody: Readonly<Record<string, string>> = isRoot ? { VITVQ_USER: String(nobody) } : {};
  const give = async (path: string): Promise<void> => {
    if (isRoot) await chown(path, nobody, nobody);
  };

  it('is refused before anything is trained', async ({ temporaryFolder, skip }) => {
    skip(isWindows, noModes);
    await give(temporaryFolder);
    await mkdir(directory, { mode: 0o555 });
    await give(directory);
    const training = new Training(3, [], asNobody);
    expect(await training.ended()).toBe(1);
    expect(training.printed).toEqual([
      `error ${directory}: expected a folder that can be written to, got permission denied (EACCES). Make room or choose another folder.`,
    ]);
  });

  it('that has become so costs warnings, and the last checkpoint stays', async ({ temporaryFolder, skip }) => {
    skip(isWindows, noModes);
    await give(temporaryFolder);
    await mkdir(directory);
    await give(directory);
    const training = new Training(8, [4, 6, 8], asNobody);
    await training.paused();
    await chmod(directory, 0o555);
    training.goOn();
    await training.paused();
    await expectCheckpoint(3);
    expect(training.of('warning checkpoint-failed:')[0]).toContain('got permission denied (EACCES)');
    await chmod(directory, 0o755);
    training.goOn();
    await training.paused();
    training.goOn();
    expect(await training.ended()).toBe(0);
    await expectCheckpoint(8);
    expect(await stepsOfLog()).toEqual(stepsTo(8));
  });
});

describe('a folder that disappears', () => {
  it('is made again and locked again; what was moved stays as it was', async () => {
    const training = new Training(6, [3, 5, 6]);
    await training.paused();
    const elsewhere = `${directory}-elsewhere`;
    await rename(directory, elsewhere);
    training.goOn();
    await training.paused();
    await expectCheckpoint(4);
    await rm(directory, { recursive: true });
    training.goOn();
    await training.paused();
    expect(training.of('warning directory-lost:')).toEqual(
      Array.from(
        { length: 2 },
        () => expect.stringMatching(/run has been removed, moved or .* the run has taken it anew\./) as string,
      ),
    );
    expect((await readdir(directory)).filter((name) => name.startsWith('.'))).toEqual(['.vitvq-lock-1']);
    training.goOn();
    expect(await training.ended()).toBe(0);
    await expectCheckpoint(6);
    await expectCheckpoint(2, elsewhere);
  });
});

describe('two runs into one folder', () => {
  it('are one: the second is refused by name, and takes over where the first is killed', async () => {
    const first = new Training(6, [4]);
    await first.paused();
    const second = new Training(6);
    expect(await second.ended()).toBe(1);
    expect(second.printed).toEqual([
      expect.stringMatching(
        `run: expected a folder that no other run writes to, got one that process ${first.child.pid} on `,
      ),
    ]);
    await expectCheckpoint(3);
    first.child.kill('SIGKILL');
    await first.ended();
    const third = new Training(6);
    expect(await third.ended()).toBe(0);
    expect(third.of('checkpoint')).toEqual(['checkpoint 4', 'checkpoint 5', 'checkpoint 6']);
    await expectCheckpoint(6);
    expect(await stepsOfLog()).toEqual(stepsTo(6));
  });

  it('end the one whose lock somebody removed, as soon as another has begun', async () => {
    const first = new Training(6, [4]);
    await first.paused();
    await rm(join(directory, '.vitvq-lock-1'));
    const second = new Training(8, [6]);
    await second.paused();
    const log = await stepsOfLog();
    first.goOn();
    expect(await first.ended()).toBe(1);
    expect(first.of('error')[0]).toContain(`got one that process ${second.child.pid} on ${hostname()} has been`);
    expect(await stepsOfLog()).toEqual(log);
    second.goOn();
    expect(await second.ended()).toBe(0);
    await expectCheckpoint(8);
    expect(await stepsOfLog()).toEqual(stepsTo(8));
    expect((await readdir(directory)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
