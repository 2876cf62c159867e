import '@tensorflow/tfjs';
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCodes } from '@vitvq/codes';
import { ConfigError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { createTokenizer, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import { saveTokenizer } from '@vitvq/tokenizer/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tokenize, verifyTokens, type ProgressReport, type TokenizeOptions } from '../src/index.js';

const size = { dim: 8, depth: 1, numHeads: 2, mlpDim: 16 };
const config: ViTTokenizerConfig = {
  architecture: 'vit',
  imageSize: 16,
  patchSize: 8,
  encoder: size,
  decoder: size,
  quantizer: { kind: 'vector', codebookSize: 16, codeDim: 4, beta: 0.25 },
};
const data = { kind: 'made-up', count: 22, imageSize: 16 } as const;

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

async function save(name: string, seed: number): Promise<void> {
  const tokenizer = createTokenizer(config, { seed });
  await saveTokenizer(at(name), tokenizer, config);
  tokenizer.dispose();
}

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
  folder = await mkdtemp(join(tmpdir(), 'vitvq-tokenize-'));
  await save('model', 1);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (options: Partial<TokenizeOptions> = {}) =>
  tokenize({ run: at('model'), data, out: at('codes'), batchSize: 4, shardSize: 7, ...options });

it('tokenize is one of many workers on a folder, and refuses another model and other images', async () => {
  const told: { report: ProgressReport; note: string | undefined }[] = [];
  const openProgress = () => ({
    update: (report: ProgressReport, note?: string) => void told.push({ report, note }),
    say: () => undefined,
    stop: () => undefined,
  });
  const view = { log: () => undefined, openProgress };
  const first = await run({ share: { index: 0, count: 2 }, view });
  // Shards of two batches: 8, 8 and 6 images.
  expect(first).toMatchObject({ ownShards: 1, ownImages: 8, shards: 1, totalShards: 3 });
  expect(first.images).toBeUndefined();
  expect(told[0]).toMatchObject({ report: { step: 4, totalSteps: 22 } });
  expect(told[0]!.note).toMatch(/^shards 0\/3, this worker \d+ images\/s$/);
  await save('other', 2);
  for (const options of [{ run: at('other') }, { data: { ...data, from: 1 } }, { views: 2 }]) {
    const failure = await run(options).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigError);
    expect(String(failure)).toMatch(/plan\.json: expected a worker of the plan: (tokenizer|source|views) /);
  }
  // The same model elsewhere is the same tokenizer.
  await cp(at('model'), at('moved'), { recursive: true });
  expect(await run({ run: at('moved') })).toMatchObject({ ownShards: 2, shards: 3, images: 22, leftOut: 0 });
  const codes = await openCodes(at('codes'));
  expect([codes.length, codes.vocabSize]).toEqual([22, 16]);
  await codes.close();
});

it('verifyTokens tells what is missing and damaged, and counts shards in its bar', async () => {
  await cp(at('codes'), at('copy'), { recursive: true });
  const sums = await readFile(at('copy', 'SHA256SUMS'), 'utf8');
  await truncate(at('copy', 'codes-000-00001.safetensors'), 64);
  const steps: number[] = [];
  const openProgress = () => ({
    update: ({ step }: ProgressReport) => void steps.push(step),
    say: () => undefined,
    stop: () => undefined,
  });
  const found = await verifyTokens({ folder: at('copy'), repair: true, view: { log: () => undefined, openProgress } });
  expect(found).toMatchObject({ isComplete: false, intact: 2, damaged: [{ shard: 'codes-000-00001.safetensors' }] });
  expect(steps).toEqual([1, 2, 3]);
  expect(await run({ out: at('copy') })).toMatchObject({ ownShards: 1, ownImages: 8 });
  expect(await verifyTokens({ folder: at('copy') })).toMatchObject({ isComplete: true, images: 22 });
  expect(await readFile(at('copy', 'SHA256SUMS'), 'utf8')).toBe(sums);
});

it('shards of several folders are one when they are copied together', async () => {
  for (const index of [0, 1]) {
    await run({ out: at(`part-${index}`), share: { index, count: 2 } });
    expect(await readdir(at(`part-${index}`))).not.toContain('SHA256SUMS');
    await cp(at(`part-${index}`), at('whole'), { recursive: true });
  }
  expect(await verifyTokens({ folder: at('whole') })).toMatchObject({ isComplete: true, intact: 3 });
  await writeFile(at('whole', 'notes.txt'), 'other files are none of its business');
  expect(await run({ out: at('whole') })).toMatchObject({ ownShards: 0, images: 22 });
});
