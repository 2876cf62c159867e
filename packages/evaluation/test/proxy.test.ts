import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSafetensors } from '@vitvq/checkpoint';
import { DataError, foldIn, randomKey, randomUniform, ShapeError, type ImageBatch } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import {
  evaluateImages,
  loadProxyClassifier,
  nameOfFigure,
  saveProxyClassifier,
  trainProxyClassifier,
  type ProxyClassifier,
  type ProxyClassifierOptions,
} from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'proxy-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await useEngine({ name: 'onnx', threads: 1 });
  trained = await train({ test: open(2, 1), classNames: ['a', 'b', 'c'], onProgress: ({ loss }) => losses.push(loss) });
});
afterAll(() => trained.dispose());

/** The one that most tests look at. */
let trained: ProxyClassifier;
const losses: number[] = [];

const side = 16;

/** Returns batches of noise, dark above (class 0), on the left (class 1) or nowhere (class 2). */
const open = (seed: number, batches = 4, batchSize = 16) =>
  function* (): Generator<ImageBatch> {
    for (let batch = 0; batch < batches; batch++) {
      const images = randomUniform(foldIn(randomKey(seed), batch), batchSize * side * side * 3, 0.3, 1);
      const labels = Int32Array.from({ length: batchSize }, (_, row) => row % 3);
      images.forEach((value, at) => {
        const [image, row, column] = [
          Math.floor(at / (side * side * 3)),
          Math.floor(at / (side * 3)) % side,
          Math.floor(at / 3) % side,
        ];
        const place = [row, column, side][labels[image]!]!;
        if (place < side / 2) images[at] = value / 3;
      });
      yield { images, shape: [batchSize, side, side, 3], labels };
    }
  };

const train = (changes: Partial<ProxyClassifierOptions> = {}): Promise<ProxyClassifier> =>
  trainProxyClassifier({
    images: open(1),
    classes: 3,
    inputSize: [side, side],
    channels: [8, 16],
    steps: 25,
    learningRate: 1e-2,
    seed: 5,
    ...changes,
  });

describe('trainProxyClassifier', () => {
  it('learns classes, and the same ones from the same seed', async () => {
    expect(losses).toHaveLength(25);
    expect(trained.facts).toMatchObject({ steps: 25, seed: 5, classNames: ['a', 'b', 'c'] });
    expect(trained.facts.accuracy).toBeGreaterThan(0.9);
    const [first, second, other] = await Promise.all([5, 5, 6].map((seed) => train({ steps: 2, seed })));
    expect(second!.hash).toBe(first!.hash);
    expect(other!.hash).not.toBe(first!.hash);
    for (const proxy of [first, second, other]) proxy!.dispose();
  });

  it('says what is wrong with its images', async () => {
    const missing = function* (): Generator<ImageBatch> {
      for (const { images, shape } of open(1)()) yield { images, shape };
    };
    await expect(train({ images: missing })).rejects.toThrow('expected a class in [0, 3) of each image, got none.');
    await expect(train({ classes: 2 })).rejects.toThrow('expected a class in [0, 2) of each image, got 2.');
    const partial = function* (): Generator<ImageBatch> {
      for (const batch of open(1, 1)()) yield { ...batch, count: 3 };
    };
    await expect(train({ images: partial })).rejects.toThrow('expected at least one full batch, got none.');
    await expect(train({ channels: [12] })).rejects.toThrow('channels.0 is 12');
    await expect(train({ classNames: ['a'] })).rejects.toThrow('expected names of 3 classes, or none, got 1 names.');
    await expect(train({ learningRate: 0 })).rejects.toThrow('learningRate');
    await expect(train({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});

describe('a proxy classifier', () => {
  it('comes back from a file, measures images, and is called a proxy', async () => {
    const file = join(folder, 'proxy.safetensors');
    await saveProxyClassifier(file, trained);
    const loaded = await loadProxyClassifier(file);
    expect(loaded.hash).toBe(trained.hash);
    expect(loaded.facts).toEqual(trained.facts);
    const images = tf.tensor4d([...open(3, 1)()][0]!.images, [16, side, side, 3]);
    expect(loaded.features(images).logits).toBeAllClose(trained.features(images).logits);
    const cards = await evaluateImages({
      real: open(4, 2),
      generated: open(5, 2),
      extractor: loaded,
      metrics: ['frechet-distance', 'class-accuracy'],
      seed: 1,
    });
    expect(cards.map(nameOfFigure)).toEqual(['Fréchet distance (proxy)', 'Accuracy of classes (proxy)']);
    expect(cards[1]!.value).toBeGreaterThan(0.9);
    // Sets of one kind are about as far apart as halves of one set.
    expect(cards[0]!.value).toBeLessThan(3 * cards[0]!.floor!.value);
    const [noise] = await evaluateImages({
      real: open(4, 2),
      generated: function* () {
        for (const batch of open(5, 2)()) yield { ...batch, images: batch.images.map((value) => value / 2) };
      },
      extractor: loaded,
      metrics: ['frechet-distance'],
      seed: 1,
    });
    expect(noise!.value).toBeGreaterThan(3 * cards[0]!.value);
    expect(noise!.extractor).toMatchObject({ name: 'proxy classifier', hash: trained.hash, isProxy: true });
    loaded.dispose();
  });

  it('scales images of other sizes, so that every pixel counts', async () => {
    const [batch] = [...open(3, 1)()];
    const small = tf.tensor4d(batch!.images, [16, side, side, 3]);
    const large = tf.reshape<tf.Rank.R4>(tf.tile(tf.reshape(small, [16, side, 1, side, 1, 3]), [1, 1, 2, 1, 2, 1]), [
      16,
      2 * side,
      2 * side,
      3,
    ]);
    const [a, b] = [small, large].map((images) => trained.features(images).pooled);
    expect(tf.norm(tf.sub(a!, b!)).arraySync()).toBeLessThan(0.3 * (tf.norm(a!).arraySync() as number));
    const flat = (height: number, width: number) => trained.features(tf.fill([1, height, width, 3], 0.25)).pooled;
    expect(flat(24, 20)).toBeAllClose(flat(side, side), { rtol: 1e-4, atol: 1e-5 });
  });

  it('keeps no tensor but its weights', async () => {
    await expectNoTensorLeak(async () => (await train({ steps: 2, test: open(2, 1) })).dispose());
  });

  it('is refused by the name of a file that is something else', async () => {
    const file = join(folder, 'other.safetensors');
    const tensors = new Map([['a', { shape: [1], data: Float32Array.of(1) }]]);
    await writeSafetensors(file, tensors);
    await expect(loadProxyClassifier(file)).rejects.toThrow('a file without the metadata vitvq-proxy-classifier');
    const writeDescription = async (text: string): Promise<void> =>
      writeSafetensors(file, tensors, { 'vitvq-proxy-classifier': text });
    await writeDescription('{');
    await expect(loadProxyClassifier(file)).rejects.toThrow('a description that is no JSON');
    await writeDescription('{"network": {"classes": 1}}');
    await expect(loadProxyClassifier(file)).rejects.toThrow(DataError);
    const facts = { steps: 1, seed: 1, accuracy: null };
    await writeDescription(JSON.stringify({ network: { classes: 3, channels: [4096, 4096, 4096] }, facts }));
    await expect(loadProxyClassifier(file)).rejects.toThrow(ShapeError);
    writeFileSync(file, 'PNG');
    await expect(loadProxyClassifier(file)).rejects.toThrow(file);
  });
});
