import '@tensorflow/tfjs';
import { execFile } from 'node:child_process';
import { promises as fs, mkdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import { ConfigError, DataError, randomKey, type CodeBatch, type ImageBatch } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { createTransformerTrainer } from '@vitvq/stage2-trainer';
import {
  brightnessTokenizer,
  classGPT,
  imageCount,
  tinyImageBatches,
  tinyTransformerTraining,
  vocabSize,
} from '@vitvq/test-models';
import { ClassConditioner, TextConditioner, textTokenizerFromJson, trainTextTokenizer } from '@vitvq/transformers';
import {
  CodeConditioner,
  encodeToShards,
  openCodes,
  type EncodeProgress,
  type EncodeToShardsOptions,
} from '../src/index.js';
import { readShard, writeShard } from '../src/internal/shard.js';

let directory: string;
beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await fs.mkdtemp(join(tmpdir(), 'vitvq-codes-'));
});
afterEach(async () => {
  await fs.rm(directory, { recursive: true, force: true });
});

const encode = (options: Partial<EncodeToShardsOptions> = {}): Promise<{ readonly images: number }> =>
  encodeToShards({
    tokenizer: brightnessTokenizer(),
    openBatches: (startAt) => tinyImageBatches(startAt),
    views: 2,
    directory,
    batchesPerShard: 2,
    ...options,
  });

async function contents(folder: string): Promise<Map<string, string>> {
  const names = (await fs.readdir(folder)).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, (await fs.readFile(join(folder, name))).toString('hex')] as const),
    ),
  );
}

/** Tokens of each image in each view, straight from the tokenizer. */
async function expected(view: number): Promise<number[][]> {
  const tokens: number[][] = [];
  for (let index = 0; index < 3; index++) {
    const { images, shape, count } = await tinyImageBatches(view * 3 + index).next();
    const batch = brightnessTokenizer().encode(await imagesOf(images, shape));
    tokens.push(...((await batch.array()) as number[][]).slice(0, count));
  }
  return tokens;
}

async function imagesOf(images: Float32Array, shape: readonly number[]) {
  const { tensor4d } = await import('@tensorflow/tfjs');
  return tensor4d(images, shape as [number, number, number, number]);
}

it('refuses a tokenizer whose latents are no codes, before it writes', async () => {
  const tokenizer = { ...brightnessTokenizer(), isContinuous: true };
  await expect(encode({ tokenizer })).rejects.toThrow(/encodeToShards: expected a tokenizer of tokens/);
  expect(await fs.readdir(directory)).toEqual([]);
});

it('refuses images that are none, and batches that end too early', async () => {
  const source = (change: (batch: ImageBatch) => unknown) => (startAt: number) => {
    const batches = tinyImageBatches(startAt);
    const next = async () => change(await batches.next()) as ImageBatch;
    return { ...batches, batchesPerEpoch: 3, next, close: () => batches.close() };
  };
  const bytes = source(({ images, ...batch }) => ({ ...batch, images: images.map((value) => 255 * value) }));
  await expect(encode({ openBatches: bytes })).rejects.toThrow('Bytes become images when they are divided by 255.');
  // A later batch than the first, and the image by its place in the source.
  const damaged = (value: number) =>
    source((batch) => {
      if (batch.indices!.includes(6)) batch.images[(2 * batch.images.length) / batch.shape[0]!] = value;
      return batch;
    });
  await expect(encode({ openBatches: damaged(NaN) })).rejects.toThrow(
    'encodeToShards: expected images with values in [0, 1], got NaN in image 6.',
  );
  await expect(encode({ openBatches: damaged(200) })).rejects.toThrow(/got values from .* to 200, first in image 6\./);
  let asked = 0;
  const ending = source((batch) => (asked++ < 2 ? batch : undefined));
  await expect(encode({ openBatches: ending })).rejects.toThrow('encodeToShards, data: expected a source with batches');
  await expect(encode({ openBatches: (() => []) as never })).rejects.toThrow('what openBatches returns');
});

const rowsOf = ({ tokens, shape, count }: CodeBatch): number[][] =>
  Array.from({ length: count! }, (_, row) => [...tokens.subarray(row * shape[1]!, (row + 1) * shape[1]!)]);

async function all(batches: AsyncIterable<CodeBatch>): Promise<CodeBatch[]> {
  const list: CodeBatch[] = [];
  for await (const batch of batches) list.push(batch);
  return list;
}

describe('encodeToShards', () => {
  it('keeps the codes of every image and view', async () => {
    const told: EncodeProgress[] = [];
    expect(await encode({ onProgress: (progress) => told.push(progress) })).toEqual({ images: imageCount });
    expect([...(await contents(directory)).keys()]).toEqual([
      'codes-000-00000.safetensors',
      'codes-000-00001.safetensors',
      'codes-001-00000.safetensors',
      'codes-001-00001.safetensors',
    ]);
    expect(told).toHaveLength(6);
    expect(told.at(-1)).toEqual({ shards: 4, totalShards: 4, progress: 1 });

    const codes = await openCodes(directory);
    expect([codes.length, codes.views, codes.vocabSize, codes.codeDepth, codes.grid]).toEqual([10, 2, 6, 1, [2, 3]]);
    expect([...codes.labels!]).toEqual(Array.from({ length: imageCount }, (_, image) => image % 3));
    const epochs = await all(codes.batches({ batchSize: 4, lastBatch: 'pad', epochs: 2 }));
    expect(epochs.map(({ count }) => count)).toEqual([4, 4, 2, 4, 4, 2]);
    expect(epochs.slice(0, 3).flatMap(rowsOf)).toEqual(await expected(0));
    expect(epochs.slice(3).flatMap(rowsOf)).toEqual(await expected(1));
    expect(await expected(1)).not.toEqual(await expected(0));
    expect([...epochs[2]!.labels!]).toEqual([2, 0, -1, -1]);
    await codes.close();
  });

  it('stopped after a batch and called again, gives the same bytes', async () => {
    await encode();
    const straight = await contents(directory);
    const other = join(directory, 'other');
    const stop = new AbortController();
    let batches = 0;
    const stopped = encode({
      directory: other,
      signal: stop.signal,
      onProgress: () => {
        if (++batches === 4) stop.abort();
      },
    });
    await expect(stopped).rejects.toThrow('abort');
    expect((await contents(other)).size).toBe(2);
    await expect(openCodes(other)).rejects.toThrow(/4 shards, got none named codes-001-00000.* and 1 more.*goes on/s);
    await encode({ directory: other });
    expect(await contents(other)).toEqual(new Map([...straight].filter(([name]) => name !== 'other')));
  });

  it('refuses a shard that claims more others than any memory can list', async () => {
    await encode();
    const file = join(directory, 'codes-000-00000.safetensors');
    const { configuration, rows } = await readShard(file);
    await writeShard(file, { ...configuration, views: 1e6, batchesPerView: 1e9, batchesPerShard: 1 }, rows);
    await expect(openCodes(directory)).rejects.toThrow(/1000000000000000 shards, got none named codes-/);
  });

  it('killed while it writes and called again, gives the same bytes', async () => {
    await encode();
    const straight = await contents(directory);
    const other = join(directory, 'other');
    const program = fileURLToPath(new URL('programs/encode-tiny.ts', import.meta.url));
    const killed = promisify(execFile)(process.execPath, [
      '--import',
      'tsx',
      '--conditions=@vitvq/source',
      program,
      other,
    ]);
    await expect(killed).rejects.toMatchObject({ signal: 'SIGKILL' });
    const left = [...(await contents(other)).keys()];
    expect(left.filter((name) => name.endsWith('.safetensors'))).toHaveLength(1);
    await fs.writeFile(join(other, '.codes-000-00001.safetensors.0123456789ab.tmp'), 'half');
    await encode({ directory: other });
    expect(await contents(other)).toEqual(straight);
  });

  it('keeps shards that the disk does not take for a while, and writes the same bytes later', async () => {
    await encode();
    const straight = await contents(directory);
    const other = join(directory, 'other');
    const inTheWay = join(other, 'codes-000-00000.safetensors');
    const warnings: string[] = [];
    const listen = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', listen);
    let calls = 0;
    await encode({
      directory: other,
      onProgress: () => {
        calls++;
        if (calls === 1) mkdirSync(inTheWay);
        if (calls === 4) rmdirSync(inTheWay);
      },
    });
    process.off('warning', listen);
    expect(await contents(other)).toEqual(straight);
    expect(warnings.filter((message) => message.includes(other))).toEqual(
      Array(2).fill(expect.stringMatching(/codes-000-00000\.safetensors: expected to write the file.*The shard waits/)),
    );
  });

  it('ends with an error where the disk never takes the shards', async () => {
    const inTheWay = join(directory, 'codes-000-00000.safetensors');
    let calls = 0;
    const onProgress = (): void => {
      if (++calls === 1) mkdirSync(inTheWay);
    };
    const failing = encode({ onProgress });
    await expect(failing).rejects.toThrow(DataError);
    await expect(failing).rejects.toThrow(`${inTheWay}: expected to write the file`);
  });

  it('refuses a second call for the same folder while the first one runs', async () => {
    const refused: unknown[] = [];
    const onProgress = (): void => void refused.push(encode().catch((error: unknown) => error));
    const first = encode({ onProgress });
    await first;
    expect(await refused[0]).toBeInstanceOf(DataError);
    expect(await refused[0]).toMatchObject({ where: directory });
    expect(String(await refused[0])).toContain('expected a folder that no other run writes to');
    await Promise.all(refused);
    expect([...(await contents(directory)).keys()].filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('keeps conditions that need the images', async () => {
    const conditioner = new CodeConditioner({ tokenizer: brightnessTokenizer({ size: [1, 1] }), reduceBy: 2 });
    // 4x6 pixels reduced to 2x3 have one patch.
    await expect(encode({ conditioner })).rejects.toThrow();
    await fs.rm(directory, { recursive: true });
    const whole = new CodeConditioner({ tokenizer: brightnessTokenizer() });
    await encode({ conditioner: whole });
    const codes = await openCodes(directory);
    const [batch] = await all(codes.batches({ batchSize: 4, epochs: 1 }));
    expect(batch!.conditions).toEqual(batch!.tokens);
    expect(batch!.conditionedBy).toEqual(JSON.parse(JSON.stringify(whole.description)));
    conditioner.dispose();
    whole.dispose();
    await codes.close();
  });

  it('keeps conditions that a training compares with those of its own conditioner', async () => {
    const textOf = ({ label }: { label?: number }): string => ['ab', 'ba', 'aa'][label!]!;
    const make = (texts: readonly string[]): TextConditioner => {
      const tokenizer = textTokenizerFromJson(trainTextTokenizer(texts, { vocabSize: 257 }));
      return new TextConditioner({ tokenizer, length: 2, textOf });
    };
    const [own, other] = [make(['ab ab ab']), make(['ba ba ba'])];
    await encode({ conditioner: own });
    const codes = await openCodes(directory);
    const train = async (conditioner: TextConditioner): Promise<unknown> => {
      const model = classGPT({ conditionVocabSize: own.vocabSize, conditionLength: 2 });
      const openBatches = (startAt: number) => codes.batches({ batchSize: 4, startAt });
      const trainer = createTransformerTrainer({
        model,
        conditioner,
        config: tinyTransformerTraining({ duration: { steps: 1 } }),
        openBatches,
      });
      return trainer.run().finally(() => {
        trainer.dispose();
        model.dispose();
      });
    };
    await expect(train(other)).rejects.toThrow(/the conditioner that the codes were encoded with.*"kind":"text"/);
    await expect(train(other)).rejects.toThrow(ConfigError);
    await expect(train(own)).resolves.toMatchObject({ step: 1 });
    await codes.close();
  });

  it.each([
    ['another tokenizer', { tokenizer: inverted() }, /other tokens/],
    ['more views', { views: 3 }, /views 3.*got views 2/],
    ['another vocabulary', { tokenizer: brightnessTokenizer({ codes: 5 }) }, /vocabSize 5.*got vocabSize 6/],
    ['larger batches', { openBatches: (startAt: number) => tinyImageBatches(startAt, 5) }, /batchSize 5/],
    ['a conditioner', { conditioner: new ClassConditioner({ classCount: 3 }) }, /conditioner/],
  ] as [string, Partial<EncodeToShardsOptions>, RegExp][])('refuses to go on with %s', async (_, options, message) => {
    await encode();
    const failure = await encode(options).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigError);
    expect((failure as Error).message).toMatch(message);
  });

  it('refuses shards that were changed', async () => {
    await encode();
    const file = join(directory, 'codes-001-00000.safetensors');
    const { tensors, metadata } = await readSafetensors(file);
    tensors.get('tokens')!.data[3] = 5 - tensors.get('tokens')!.data[3]!;
    await writeSafetensors(file, tensors, metadata);
    for (const attempt of [() => encode(), () => openCodes(directory)]) {
      const failure = await attempt().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(DataError);
      expect((failure as Error).message).toMatch(/codes-001-00000.*SHA-256.*changed/);
    }
  });

  it('refuses tokens in shards that are not in the vocabulary', async () => {
    await encode({ views: 1, batchesPerShard: 3 });
    const file = join(directory, 'codes-000-00000.safetensors');
    const { configuration, rows } = await readShard(file);
    rows.tokens[7] = vocabSize;
    await writeShard(file, configuration, rows);
    await expect(openCodes(directory)).rejects.toThrow(/tokens to be integers in \[0, 6\), got 6 at \[1, 1\]/);
  });

  it('refuses tokens that are not in the vocabulary', async () => {
    const good = brightnessTokenizer();
    const tokenizer = { ...good, vocabSize: vocabSize - 1 };
    await expect(encode({ tokenizer })).rejects.toThrow(/tokens to be integers in \[0, 5\), got 5/);
  });

  it('refuses a folder of something else', async () => {
    await expect(openCodes(directory)).rejects.toThrow(/a folder of codes, got none/);
    await writeSafetensors(join(directory, 'codes-000-00000.safetensors'), new Map());
    await expect(openCodes(directory)).rejects.toThrow(/codes in the format/);
  });
});

describe('CodeSource', () => {
  it('gives batches that depend on key, epoch and index alone', async () => {
    await encode();
    const codes = await openCodes(directory);
    const options = { batchSize: 4, shuffle: true, key: randomKey(2) };
    const straight = codes.batches(options);
    const first: CodeBatch[] = [];
    for (let index = 0; index < 5; index++) first.push(await straight.next());
    expect(straight.position).toBe(5);
    expect(await codes.batches({ ...options, startAt: 3 }).next()).toEqual(first[3]);
    expect((await codes.batches({ ...options, key: randomKey(3) }).next()).indices).not.toEqual(first[0]!.indices);
    // Two batches of four an epoch: no image twice in it.
    const images = [...first[0]!.indices!, ...first[1]!.indices!];
    expect(new Set(images).size).toBe(8);
    expect([...first[2]!.indices!, ...first[3]!.indices!]).not.toEqual(images);
    await codes.close();
  });

  it('shows every view of an image once in so many epochs', async () => {
    await encode();
    const codes = await openCodes(directory);
    const epochs = await all(codes.batches({ batchSize: 5, key: randomKey(1), epochs: 2 }));
    const [views0, views1] = [await expected(0), await expected(1)];
    const [first, second] = [epochs.slice(0, 2).flatMap(rowsOf), epochs.slice(2).flatMap(rowsOf)];
    let swapped = 0;
    for (let image = 0; image < imageCount; image++) {
      const isSwapped = String(first[image]) !== String(views0[image]);
      if (isSwapped) swapped++;
      expect([first[image], second[image]]).toEqual(
        isSwapped ? [views1[image], views0[image]] : [views0[image], views1[image]],
      );
    }
    expect(swapped).toBeGreaterThan(0);
    expect(swapped).toBeLessThan(imageCount);
    await codes.close();
  });

  it('refuses what cannot work', async () => {
    await encode();
    const codes = await openCodes(directory);
    expect(() => codes.batches({ batchSize: 4, shuffle: true })).toThrow(/a key to shuffle by/);
    expect(() => codes.batches({ batchSize: 11 })).toThrow(/at least batchSize = 11 images, got 10/);
    const ended = codes.batches({ batchSize: 10, epochs: 1, startAt: 1 });
    await expect(ended.next()).rejects.toThrow(/to be asked for 1 batches/);
    await codes.close();
  });

  it('is not exchanged for another when a training goes on', async () => {
    await encode();
    const other = join(directory, 'other');
    await encode({ directory: other, views: 1 });
    const run = join(directory, 'run');
    const train = async (folder: string, restore: boolean): Promise<void> => {
      const codes = await openCodes(folder);
      const trainer = createTransformerTrainer({
        model: classGPT(),
        conditioner: new ClassConditioner({ classCount: 3 }),
        config: tinyTransformerTraining({ duration: { steps: 2 } }),
        directory: run,
        openBatches: (startAt) => codes.batches({ batchSize: 4, key: randomKey(1), shuffle: true, startAt }),
        tensorBoard: false,
      });
      try {
        if (restore) await trainer.restore(run);
        await trainer.run();
      } finally {
        trainer.dispose();
        await codes.close();
      }
    };
    await train(directory, false);
    await train(directory, true);
    await expect(train(other, true)).rejects.toThrow(/the data that the run began with/);
  });
});

/** Same shape, other codes. */
function inverted() {
  const tokenizer = brightnessTokenizer();
  return {
    ...tokenizer,
    encode: (images: Parameters<typeof tokenizer.encode>[0]) => tokenizer.encode(images.mul(-1).add(0.999)),
  };
}
