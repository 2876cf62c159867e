import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FolderLock } from '@vitvq/files';
import { writePng } from '@vitvq/report';
import type { FollowedLog, TrainingLogEntry } from '@vitvq/training';
import { watchRun } from '../src/index.js';
import { alertsOf, type WatchedTraining } from '../src/watch/alerts.js';

const stepEntry = (step: number, values: object = {}): TrainingLogEntry => ({
  event: 'step',
  step,
  loss: 1 / step,
  progress: step / 1000,
  skippedSteps: 0,
  examplesPerSecond: 100,
  elapsedSeconds: step,
  memoryBytes: 1e9,
  ...values,
});

function logOf(entries: readonly TrainingLogEntry[], changedAt = 1e12): FollowedLog {
  return { entries, newest: new Map(entries.map((entry) => [entry.event, entry])), changedAt };
}

const steps = (count: number, values: (step: number) => object = () => ({})): TrainingLogEntry[] =>
  Array.from({ length: count }, (_, index) => stepEntry(index + 1, values(index + 1)));

const healthy: WatchedTraining = {
  log: logOf(steps(300)),
  isRunning: true,
  isDone: false,
  now: 1e12 + 5000,
  freeBytes: 1e12,
  checkpointBytes: 1e6,
};

describe('alerts', () => {
  it('there are none of a healthy training, nor of one that is done', () => {
    expect(alertsOf(healthy)).toEqual([]);
    expect(alertsOf({ ...healthy, isDone: true, isRunning: false, freeBytes: 0 })).toEqual([]);
    expect(alertsOf({ ...healthy, log: logOf([]) })).toEqual([]);
  });

  it.each<[string, Partial<WatchedTraining>, RegExp]>([
    ['a process that ended', { isRunning: false }, /No process works on this run/],
    ['silence', { now: 1e12 + 400_000 }, /Nothing was logged for 400 seconds, where a step takes 1\.0/],
    [
      'a loss that is not finite',
      { log: logOf([...steps(9), stepEntry(10, { loss: null })]) },
      /step 10 is not finite/,
    ],
    [
      'steps that are skipped',
      { log: logOf(steps(300, (step) => ({ skippedSteps: Math.max(0, step - 297) }))) },
      /3 of the last steps were skipped/,
    ],
    ['a disk that fills up', { freeBytes: 1.5e6 }, /2 MB left, and a checkpoint takes 1 MB/],
    [
      'a training that has slowed down',
      { log: logOf(steps(300, (step) => ({ examplesPerSecond: step < 240 ? 100 : 30 }))) },
      /30 images a second, where 100 are usual/,
    ],
    [
      'memory that grows',
      { log: logOf(steps(300, (step) => ({ memoryBytes: 1e9 + step * 5e6 }))) },
      /has grown from .* to 2\.\d\d GB/,
    ],
    [
      'codes that nobody uses',
      { log: logOf([...steps(3), { event: 'evaluate', step: 3, usage: 0.1 }]) },
      /Only 10 % of the codes/,
    ],
    ['a discriminator that wins', { log: logOf(steps(100, () => ({ discriminator: 0.01 }))) }, /hardly ever fooled/],
  ])('tells of %s', (_what, changes, expected) => {
    const alerts = alertsOf({ ...healthy, ...changes });
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toMatch(expected);
  });

  it('waits longer for a training whose steps are slow', () => {
    const slow = logOf(steps(20, (step) => ({ elapsedSeconds: 60 * step })));
    expect(alertsOf({ ...healthy, log: slow, now: 1e12 + 600_000 })).toEqual([]);
  });
});

async function get(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(pieces).toString() }));
    })
      .on('error', reject)
      .end();
  });
}

describe('watchRun', () => {
  it('shows curves, previews and alerts of a run in progress, and what comes while it is watched', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vitvq-watch-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const training = join(folder, 'tokenizer');
    await mkdir(join(training, 'preview'), { recursive: true });
    await writeFile(join(folder, 'config.yaml'), 'extends: pipeline-smoke\ntitle: "<script>alert(1)</script>"\n');
    const watched = await watchRun({ run: folder, port: 0, refreshSeconds: 3 });
    onTestFinished(() => watched.close());
    const before = await get(watched.url);
    expect(before).toMatchObject({ status: 200, body: expect.stringContaining('to come') as string });

    const lines = [...steps(60), { event: 'evaluate', step: 60, psnr: 21.5, usage: 0.2, perplexity: 40 }];
    await writeFile(join(training, 'metrics.jsonl'), lines.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    await writePng(join(training, 'preview', 'reconstructions.png'), {
      width: 2,
      height: 2,
      data: new Uint8Array(12).fill(99),
    });
    const dead = (await get(watched.url)).body;
    expect(dead).toContain('No process works on this run');
    const lock = await FolderLock.acquire(folder);
    onTestFinished(() => lock.release());
    const { body } = await get(watched.url);
    for (const part of ['21.50', 'Only 20 % of the codes', 'Perplexity', 'step 60', 'reconstructions', 'content="3"']) {
      expect(body).toContain(part);
    }
    expect(body).toContain(`process ${process.pid}`);
    expect(body).not.toContain('No process works on this run');
    expect(body).not.toContain('<script');
  });

  it('is for this machine alone, has one page, and says what it cannot show', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vitvq-watch-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await expect(watchRun({ run: join(folder, 'none'), port: 0 })).rejects.toThrow(
      'the folder of a run, got no folder',
    );
    const watched = await watchRun({ run: folder, port: 0 });
    onTestFinished(() => watched.close());
    expect(await get(watched.url, { host: 'elsewhere.example' })).toMatchObject({ status: 403 });
    expect(await get(`${watched.url}other`)).toMatchObject({ status: 404 });
    const port = Number(new URL(watched.url).port);
    await expect(watchRun({ run: folder, port })).rejects.toThrow(/one that is taken.*--port/s);
    await rm(folder, { recursive: true });
    expect((await get(watched.url)).body).toContain('no folder');
  });
});
