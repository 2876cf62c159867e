import '@tensorflow/tfjs';
import { spawnSync } from 'node:child_process';
import { promises as fs, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listCheckpoints } from '@vitvq/checkpoint';
import { DataError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { it } from '@vitvq/test-utils/node';
import { beforeAll, describe, expect } from 'vitest';
import { logCurve, readTrainingLog, Trainer, type TrainerOptions } from '../src/index.js';
import { numbers, Sum } from './sum-task.js';

let directory: string;
let log: string;
beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
it.beforeEach(({ temporaryFolder }) => {
  directory = join(temporaryFolder, 'run');
  log = join(directory, 'metrics.jsonl');
});

type Options = Partial<TrainerOptions<number, { sum: number }, { sum: number }>>;
const openBatches = numbers(...Array.from({ length: 50 }, (_, index) => index + 1));
const create = (options: Options = {}): Trainer<number, { sum: number }, { sum: number }> =>
  new Trainer({ task: new Sum(), duration: { steps: 6 }, openBatches, directory, ...options });

const entry = (step: number): string => `${JSON.stringify({ event: 'step', step, loss: step })}\n`;
const stepsOf = async (): Promise<number[]> => (await readTrainingLog(directory)).map(({ step }) => step);

/** Raises the limit of a running process; part of util-linux, as `ulimit` of bash sets it. */
const canRaiseLimits = spawnSync('prlimit', ['--version']).status === 0;

/**
 * Trains 400 steps where a file may have 16 KiB, less than the logs need.
 * @param end  step after which files may be larger
 */
function trainOnFullDisk(end: number): Record<string, unknown> {
  const file = (path: string): string => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
  const program = `
    import '@tensorflow/tfjs';
    import { spawnSync } from 'node:child_process';
    import { readTrainingLog, Trainer } from ${file('../src/index.ts')};
    import { numbers, Sum } from ${file('./sum-task.ts')};
    const directory = ${JSON.stringify(directory)};
    const trainer = new Trainer({
      task: new Sum(), duration: { steps: 400 }, directory, openBatches: numbers(...Array(401).fill(1)),
      checkpoint: { everySteps: 50 }, evaluation: { everySteps: 20 },
    });
    const warnings = [];
    trainer.on('warning', ({ code, message }) => code === 'sum' || warnings.push(code + ' ' + message));
    trainer.on('step', ({ step }) => {
      if (step === ${end}) spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=100000000:']);
    });
    const { reason, step } = await trainer.run();
    console.log(JSON.stringify({ warnings, reason, step, entries: (await readTrainingLog(directory)).length }));`;
  const { stdout } = spawnSync(
    'bash',
    [
      '-c',
      'ulimit -S -f 16; exec "$0" --import tsx --conditions=@vitvq/source --input-type=module -e "$1"',
      process.execPath,
      program,
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('a run whose disk is full', () => {
  it.skipIf(!canRaiseLimits)('for a while logs every step, and ends as if nothing had been', async () => {
    const full = 'the file would be larger than the system allows (EFBIG)';
    expect(trainOnFullDisk(300)).toEqual({
      reason: 'finished',
      step: 400,
      entries: 420,
      warnings: [expect.stringMatching(/^log-failed .*metrics\.jsonl|tfevents/), expect.stringContaining(full)],
    });
    const text = await fs.readFile(log, 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    const entries = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; step: number });
    expect(entries.filter(({ event }) => event === 'step').map(({ step }) => step)).toEqual(
      Array.from({ length: 400 }, (_, index) => index + 1),
    );
  });

  it.skipIf(process.platform === 'win32')('to its end finishes, and says what of its logs is lost', async () => {
    const { warnings, entries, ...end } = trainOnFullDisk(Infinity);
    expect(end).toEqual({ reason: 'finished', step: 400 });
    expect(entries).toBeGreaterThan(10);
    expect(warnings).toContainEqual(
      expect.stringMatching(/^log-failed .*got no room for \d+ lines, which are lost\.$/),
    );
    expect(warnings).toContainEqual(expect.stringMatching(/^log-failed .*\(EFBIG\)\. \d+ events are lost\.$/));
    const text = await fs.readFile(log, 'utf8');
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toHaveLength(entries as number);
  });
});

describe('a log with damaged lines', () => {
  const damaged = `${entry(1)}{"event":"step","st${entry(2)}null\n\n{"event":"step"}\n${entry(3)}{"event":"st`;

  it('is read without them, with a warning that names file and line', async () => {
    await fs.mkdir(directory);
    await fs.writeFile(log, damaged);
    const warnings: string[] = [];
    const entries = await readTrainingLog(directory, { onWarning: (message) => void warnings.push(message) });
    expect(logCurve(entries, 'step', 'loss')).toEqual([
      [1, 1],
      [3, 3],
    ]);
    expect(warnings).toEqual(
      [
        [2, '{"event":"step","st{"event":"step","step'],
        [3, 'null'],
        [5, '{"event":"step"}'],
        [7, '{"event":"st'],
      ].map(
        ([line, got]) =>
          `${log}, line ${line}: expected an entry of a log in JSON, got ${JSON.stringify(got)}. The line is passed over.`,
      ),
    );
  });

  it('warns by the process where nobody listens, and not for every line of a file of another kind', async () => {
    await fs.mkdir(directory);
    await fs.writeFile(log, 'x\n'.repeat(1000));
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    expect(await readTrainingLog(directory)).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warnings.map(({ name }) => name)).toEqual(Array(6).fill('VitvqTrainingWarning'));
    expect(warnings.at(-1)!.message).toBe(`${log}: 995 more lines are damaged and passed over.`);
  });

  it('is gone on with, with a warning of the run', async () => {
    await create({ checkpoint: { everySteps: 3, keep: 9 } }).run();
    const text = await fs.readFile(log, 'utf8');
    const [first, second, ...others] = text.trim().split('\n');
    await fs.writeFile(log, [first, second!.slice(0, 20), ...others, '{"event":"st'].join('\n'));
    const trainer = create();
    const warnings: string[] = [];
    trainer.on('warning', ({ code, message }) => void warnings.push(`${code} ${message}`));
    await trainer.restore((await listCheckpoints(directory))[0]!.file);
    await trainer.run();
    expect(await stepsOf()).toEqual([1, 3, 4, 5, 6]);
    expect(warnings.filter((warning) => warning.startsWith('log-damaged'))).toEqual([
      `log-damaged ${log}, line 2: expected an entry of a log in JSON, got ${JSON.stringify(second!.slice(0, 20))}. The line is passed over.`,
    ]);
  });

  it('that is not there costs a warning alone', async () => {
    const warnings: string[] = [];
    expect(await readTrainingLog(directory, { onWarning: (message) => void warnings.push(message) })).toEqual([]);
    expect(warnings).toEqual([
      `${log}: expected the log of a training that can be read, got no such file or directory (ENOENT).`,
    ]);
  });
});

describe('a long log', () => {
  it('is gone on with and read, though no string could hold it', async () => {
    await create().run();
    const text = await fs.readFile(log, 'utf8');
    const lines = text.split('\n');
    await fs.writeFile(log, `${lines.slice(0, 3).join('\n')}\n`);
    await fs.truncate(log, 600 * 2 ** 20); // a hole, which takes no room
    await fs.appendFile(log, `\n${lines.slice(3).join('\n')}`);
    const trainer = create({ duration: { steps: 8 } });
    await trainer.restore(directory);
    await trainer.run();
    expect(await stepsOf()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('is thinned evenly, event by event, where memory is bounded', async () => {
    await fs.mkdir(directory);
    const evaluation = (step: number): string => `${JSON.stringify({ event: 'evaluate', step, sum: step })}\n`;
    const lines = Array.from({ length: 1000 }, (_, step) => entry(step) + (step % 200 === 0 ? evaluation(step) : ''));
    await fs.writeFile(log, lines.join(''));
    const entries = await readTrainingLog(directory, { maximumEntries: 8 });
    expect(logCurve(entries, 'step', 'loss').map(([step]) => step)).toEqual([0, 128, 256, 384, 512, 640, 768, 896]);
    expect(logCurve(entries, 'evaluate', 'sum').map(([step]) => step)).toEqual([0, 200, 400, 600, 800]);
    expect(entries.map(({ step }) => step)).toEqual(entries.map(({ step }) => step).sort((a, b) => a - b));
    await expect(readTrainingLog(directory, { maximumEntries: 1 })).rejects.toThrow('maximumEntries');
  });
});

describe('the directory of a run', () => {
  it('belongs to one run at a time', async () => {
    const refused: unknown[] = [];
    const task = new (class extends Sum {
      override async step(...parameters: Parameters<Sum['step']>) {
        if (refused.length === 0)
          refused.push(
            await create()
              .run()
              .catch((error: unknown) => error),
          );
        return super.step(...parameters);
      }
    })();
    await create({ task }).run();
    expect(refused[0]).toBeInstanceOf(DataError);
    expect((refused[0] as Error).message).toMatch(/run: expected a folder that no other run writes to, got one that /);
    // Free again, also after a run that failed.
    await expect(create().run()).rejects.toThrow('without checkpoints for a new run');
    const again = create({ duration: { steps: 7 } });
    await again.restore(directory);
    expect(await again.run()).toMatchObject({ step: 7 });
    expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('loses what killed runs left half written, when a run goes on there', async () => {
    const best = { metric: 'sum', mode: 'highest' } as const;
    await create({ evaluation: { everySteps: 3 }, best }).run();
    const left = ['.checkpoint-00000009.safetensors.0123456789ab.tmp', '.metrics.jsonl.ba9876543210.tmp'];
    for (const name of left) {
      await fs.writeFile(join(directory, name), '');
      await fs.writeFile(join(directory, 'best', name), '');
    }
    await fs.writeFile(join(directory, '.mine.tmp'), '');
    const trainer = create({ duration: { steps: 7 } });
    await trainer.restore(directory);
    await trainer.run();
    const hidden = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('.'));
    expect([hidden(directory), hidden(join(directory, 'best'))]).toEqual([['.mine.tmp'], []]);
  });

  it('loses the logs of the run that a new one replaces, and of no other', async () => {
    await create().run();
    const events = (): string[] => readdirSync(directory).filter((name) => name.startsWith('events.'));
    const [replaced] = events();
    const foreign = 'events.out.tfevents.1700000000.elsewhere.1';
    await fs.writeFile(join(directory, foreign), '');
    for (const { file } of await listCheckpoints(directory)) await fs.rm(file);
    await create({ duration: { steps: 3 } }).run();
    expect(events()).toHaveLength(2);
    expect(events()).toContain(foreign);
    expect(events().filter((name) => name === replaced && name !== events().at(-1))).toEqual([]);
    expect(await stepsOf()).toEqual([1, 2, 3]);
    // A run that goes on keeps them.
    const trainer = create({ duration: { steps: 4 } });
    await trainer.restore(directory);
    await trainer.run();
    expect(events()).toHaveLength(3);
  });

  it('is said to be unusable before anything is opened or trained', async () => {
    const unopened = (): never => expect.unreachable();
    await fs.writeFile(directory, '');
    const below = create({ directory: join(directory, 'below'), openBatches: unopened });
    await expect(below.run()).rejects.toThrow(
      `${join(directory, 'below')}: expected to create the folder, got a file where a directory should be (ENOTDIR).`,
    );
    await fs.rm(directory);
    const huge = new Sum();
    const task = Object.assign(huge, {
      parts: { sum: { namedVariables: () => new Map([['total', { ...huge.total, shape: [2 ** 26, 2 ** 26] }]]) } },
    });
    await expect(create({ task, openBatches: unopened }).run()).rejects.toThrow(
      /run: expected room for a checkpoint, 17179869184\.0 MiB, got \d+\.\d MiB free\. Make room or choose another folder\.$/,
    );
  });

  it('is not touched by a run that evaluates on nothing', async () => {
    const task = Object.assign(new Sum(), {
      assertHeldOut: () =>
        Promise.reject(new DataError({ where: 'Sum', expected: 'at least one number', got: 'none' })),
    });
    const unopened = (): never => expect.unreachable();
    const run = create({ task, evaluation: { everySteps: 2 }, openBatches: unopened }).run();
    await expect(run).rejects.toThrow('Sum: expected at least one number, got none.');
    expect(await fs.readdir(directory)).toEqual([]);
    await create({ task }).run(); // without evaluations nothing is asked
  });
});
