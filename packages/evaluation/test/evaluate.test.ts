import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { firstImages, type HostImages, type ImageBatch } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { LPIPS } from '@vitvq/losses';
import { tinyImages, tinyModel } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import {
  evaluateCaptions,
  evaluateImages,
  evaluateReconstructions,
  Evaluator,
  featureStatistics,
  frechetDistance,
  type EvaluationProgress,
  type FeatureExtractor,
  type MetricCard,
} from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

/** Returns batches of images, the last of which is smaller or padded; labels count up to 3. */
const openBatches = ({ data, shape: [count, ...imageShape] }: HostImages, batchSize: number, padded = false) =>
  function* open(): Generator<ImageBatch> {
    const size = data.length / count;
    for (let begin = 0; begin < count; begin += batchSize) {
      const own = Math.min(batchSize, count - begin);
      const rows = padded ? batchSize : own;
      const images = new Float32Array(rows * size).fill(NaN);
      images.set(data.subarray(begin * size, (begin + own) * size));
      const labels = Int32Array.from({ length: rows }, (_, row) => (row < own ? (begin + row) % 3 : -1));
      yield { images, shape: [rows, ...imageShape], labels, count: own };
    }
  };

/** Colours of the quarters of an image as features, and three of them as logits. */
const colours: FeatureExtractor = {
  name: 'colours',
  hash: 'f'.repeat(64),
  inputSize: [8, 8],
  isProxy: true,
  features: (images) =>
    tf.tidy(() => {
      const [batch] = images.shape;
      const halves = tf.mean(tf.reshape(images, [batch, 2, 4, 8 * 3]), 2);
      const pooled = tf.reshape<tf.Rank.R2>(tf.mean(tf.reshape(halves, [batch, 2, 2, 4, 3]), 3), [batch, 12]);
      return { pooled, logits: tf.slice(pooled, [0, 0], [-1, 3]) };
    }),
};

const real = tinyImages(60, 1);
const generated = tinyImages(40, 2);
const value = (cards: readonly MetricCard[], metric: string): number =>
  cards.find((card) => card.metric === metric)!.value;

describe('evaluateImages', () => {
  const evaluate = (options: object = {}): Promise<MetricCard[]> =>
    evaluateImages({
      real: openBatches(real, 16),
      generated: openBatches(generated, 16),
      extractor: colours,
      seed: 3,
      ...options,
    });

  it('gives the figures of the functions, whatever the batches, and a floor', async () => {
    const cards = await evaluate();
    expect(cards.map(({ metric }) => metric)).toEqual(['frechet-distance', 'kernel-distance', 'precision', 'recall']);
    const features = (images: HostImages) => {
      const { pooled } = colours.features(tf.tensor4d(images.data, [...images.shape]));
      return featureStatistics({ dim: 12, data: pooled.dataSync<'float32'>() });
    };
    expect(cards[0]!.value).toBeCloseTo(frechetDistance(features(real), features(generated)), 8);
    const floor = cards[0]!.floor!;
    expect(floor.images).toEqual([30, 30]);
    expect(floor.value).toBeGreaterThan(0);
    expect(floor.value).toBeLessThan(4 * cards[0]!.value);
    for (const { interval, value: figure } of cards) {
      expect(interval!.low).toBeLessThanOrEqual(figure);
      expect(interval!.high).toBeGreaterThanOrEqual(figure);
    }
    expect(cards[1]!.settings).toEqual({ subsets: 100, subsetSize: 40, degree: 3 });
    const others = await evaluate({ real: openBatches(real, 7, true), generated: openBatches(generated, 40) });
    expect(others).toEqual(cards);
  });

  it('has no interval of a distance below 0', async () => {
    // Images against themselves: a distance of 0, which leaving out images only raises.
    const [card] = await evaluate({ generated: openBatches(real, 16), metrics: ['frechet-distance'] });
    expect(card!.value).toBeCloseTo(0, 6);
    expect(card!.interval!.low).toBe(0);
    expect(card!.interval!.high).toBeGreaterThan(0);
  });

  it('says what was measured with what', async () => {
    const metrics = [{ kind: 'kernel-distance', subsets: 2 }] as const;
    const [card] = await evaluate({ metrics, guidance: 1.5, drawing: { candidates: 4 }, resize: 'none' });
    expect(card).toMatchObject({
      extractor: { name: 'colours', hash: 'f'.repeat(64), isProxy: true },
      reference: { images: 60 },
      measured: { images: 40 },
      imageSize: [8, 8],
      subject: 'generated',
      guidance: 1.5,
      drawing: { candidates: 4 },
      resize: 'none',
      seed: 3,
    });
    expect(card!.versions).toMatchObject({ engine: 'cpu', '@vitvq/evaluation': '0.0.0' });
    const swapped = { data: Float32Array.from(real.data), shape: real.shape };
    swapped.data.set(real.data.subarray(0, 192), 192);
    swapped.data.set(real.data.subarray(192, 384), 0);
    const [reordered] = await evaluate({ metrics, real: openBatches(swapped, 16) });
    expect(reordered!.reference).toEqual(card!.reference);
    swapped.data[0] = 1 - swapped.data[0]!;
    const [changed] = await evaluate({ metrics, real: openBatches(swapped, 16) });
    expect(changed!.reference!.hash).not.toBe(card!.reference!.hash);
  });

  it('measures classes by logits and labels', async () => {
    const cards = await evaluate({ metrics: ['class-accuracy', 'inception-score', 'density-coverage'] });
    const { data } = generated;
    const hits = Array.from({ length: 40 }, (_, image) => {
      const own = Array.from(data.subarray(image * 192, image * 192 + 3));
      return Number(own.indexOf(Math.max(...own)) === image % 3);
    });
    expect(value(cards, 'class-accuracy')).toBeCloseTo(hits.reduce((sum, hit) => sum + hit, 0) / 40, 10);
    expect(cards[0]!.reference).toBeNull();
    expect(value(cards, 'inception-score')).toBeGreaterThan(1);
    expect(cards.map(({ metric }) => metric).slice(2)).toEqual(['density', 'coverage']);
  });

  it('reports progress, and stops where it is told to', async () => {
    const seen: string[] = [];
    await evaluate({
      metrics: [],
      onProgress: ({ part, images }: EvaluationProgress) => void seen.push(`${part} ${images}`),
    });
    expect(seen).toEqual(['real 16', 'real 32', 'real 48', 'real 60', 'generated 16', 'generated 32', 'generated 40']);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort(new Error('enough'));
    await expect(evaluate({ onProgress, signal: controller.signal })).rejects.toThrow('enough');
  });

  it('keeps no tensor', async () => {
    await expectNoTensorLeak(async () => void (await evaluate({ metrics: ['frechet-distance'] })));
  });

  it('refuses what cannot be compared', async () => {
    const small = tinyImages(9, 1, [4, 4]);
    const wide: FeatureExtractor = { ...colours, features: (images) => ({ pooled: tf.mean(images, [1, 2]) }) };
    await expect(evaluate({ generated: openBatches(small, 9), extractor: wide })).rejects.toThrow(
      'evaluateImages: expected generated images of the size of the real ones, [8, 8], got [4, 4].',
    );
    await expect(evaluate({ metrics: ['class-accuracy'], extractor: wide })).rejects.toThrow(
      'an extractor with logits',
    );
    await expect(evaluate({ real: openBatches(tinyImages(3), 3) })).rejects.toThrow(
      'evaluateImages, real images: expected at least 4 images, two in each half, got 3.',
    );
    await expect(evaluate({ generated: openBatches(tinyImages(19), 19) })).rejects.toThrow(
      'expected at least 20 images, two in each of 10 groups, got 19. Measure more images, or fewer groups.',
    );
    await expect(evaluate({ generated: () => [] })).rejects.toThrow('expected at least one image, got none.');
    await expect(evaluate({ metrics: ['frechet'] })).rejects.toThrow('metrics');
    const unlabelled = function* (): Generator<ImageBatch> {
      yield { images: generated.data, shape: generated.shape };
    };
    await expect(evaluate({ generated: unlabelled, metrics: ['class-accuracy'] })).rejects.toThrow(
      'expected a class of each image, got none for image 0.',
    );
    const broken = { ...generated, data: generated.data.map((colour, at) => (at === 200 ? NaN : colour)) };
    await expect(evaluate({ generated: openBatches(broken, 16) })).rejects.toThrow('got NaN in image 1.');
  });
});

describe('evaluateCaptions', () => {
  /** Texts of two tokens: red and green of the first quarter, in steps of 1 / 10. */
  const clip = {
    ...colours,
    name: 'clip',
    features: (images: tf.Tensor4D) =>
      tf.tidy(() => ({ pooled: tf.slice(colours.features(images).pooled, [0, 0], [-1, 2]) })),
    textFeatures: (tokens: tf.Tensor2D) => tf.div<tf.Tensor2D>(tf.cast(tokens, 'float32'), 10),
  };
  const count = 70;
  const images = tinyImages(count, 3);
  const first = (image: number): number[] => Array.from(images.data.subarray(image * 192, image * 192 + 2));
  const tokens = {
    shape: [count, 2],
    data: Int32Array.from(Array.from({ length: count }, (_, image) => first(image)).flat(), (value) => 10 * value),
  };

  it('is the mean cosine of images and their texts, whatever the batches', async () => {
    const card = await evaluateCaptions({ generated: openBatches(images, 32), tokens, extractor: clip, seed: 1 });
    const cosines = Array.from({ length: count }, (_, image) => {
      const [a, b] = first(image);
      const [c, d] = tokens.data.subarray(2 * image, 2 * image + 2);
      return (a! * c! + b! * d!) / (Math.hypot(a!, b!) * Math.hypot(c!, d!) || 1);
    });
    expect(card.value).toBeCloseTo((100 * cosines.reduce((sum, cosine) => sum + cosine, 0)) / count, 3);
    expect(card).toMatchObject({ metric: 'clip-score', reference: null, settings: { scale: 100 } });
    expect(card.interval!.low).toBeLessThan(card.value);
  });

  it('refuses other numbers of texts, and networks of images alone', async () => {
    const options = { generated: openBatches(images, 32), tokens, extractor: clip, seed: 1 };
    const fewer = { shape: [2, 2], data: tokens.data.slice(0, 4) };
    await expect(evaluateCaptions({ ...options, tokens: fewer })).rejects.toThrow(
      'evaluateCaptions: expected tokens [70, N], one text for each image, got [2, 2].',
    );
    await expect(evaluateCaptions({ ...options, extractor: colours as never })).rejects.toThrow('textFeatures');
    await expectNoTensorLeak(async () => void (await evaluateCaptions(options)));
  });
});

describe('evaluateReconstructions', () => {
  it('gives what Evaluator measures, with intervals, and metrics of features', async () => {
    const model = tinyModel();
    const cards = await evaluateReconstructions(model, {
      images: openBatches(firstImages(real, 30), 8),
      extractor: colours,
      seed: 1,
    });
    expect(cards.map(({ metric }) => metric)).toEqual([
      'psnr',
      'frechet-distance',
      'codebook-usage',
      'codebook-perplexity',
    ]);
    const evaluation = await new Evaluator(model, { batchSize: 8 }).evaluate(firstImages(real, 30));
    expect(value(cards, 'psnr')).toBeCloseTo(evaluation.psnr, 4);
    expect(cards[0]!.interval!.low).toBeLessThan(evaluation.psnr);
    expect(cards[0]!.interval!.high).toBeGreaterThan(evaluation.psnr);
    expect(value(cards, 'codebook-usage')).toBeCloseTo(evaluation.codebook!.usage, 10);
    expect(value(cards, 'codebook-perplexity')).toBeCloseTo(evaluation.codebook!.perplexity, 10);
    expect(cards[1]).toMatchObject({ subject: 'reconstructed', reference: { images: 30 }, measured: { images: 30 } });
    expect(cards[1]!.floor!.images).toEqual([15, 15]);
  });

  it('measures similarity and perceptual distance where there is one', async () => {
    const side = 16;
    const model = tinyModel({ imageSize: side });
    const loss = new LPIPS({ channels: [2, 2, 2, 2, 2] });
    loss.loadVariables(
      new Map(
        [...loss.namedVariables()].map(([name, { shape, size }]) => [
          name,
          { shape, data: Float32Array.from({ length: size }, (_, at) => ((at * 7) % 5) / 10 + 0.1) },
        ]),
      ),
    );
    const cards = await evaluateReconstructions(model, {
      images: openBatches(tinyImages(5, 1, [side, side]), 2),
      perceptual: { name: 'tiny LPIPS', loss },
      seed: 1,
    });
    const { perceptualDistance } = await new Evaluator(model, { perceptual: loss }).evaluate(
      tinyImages(5, 1, [side, side]),
    );
    const card = cards.find(({ metric }) => metric === 'perceptual-distance')!;
    expect(card.value).toBeCloseTo(perceptualDistance!, 5);
    expect(card.extractor!.name).toBe('tiny LPIPS');
    expect(value(cards, 'ssim')).toBeLessThan(1);
    expect(cards.find(({ metric }) => metric === 'ssim')!.settings).toEqual({ window: 'gaussian' });
    loss.dispose();
  });

  it('keeps no tensor, and refuses tokens that are no codes', async () => {
    const model = tinyModel();
    const images = openBatches(firstImages(real, 20), 8);
    await expectNoTensorLeak(async () => {
      await evaluateReconstructions(model, { images, extractor: colours, seed: 1 });
    });
    await expect(evaluateReconstructions({ ...model, vocabSize: 16 } as never, { images, seed: 1 })).rejects.toThrow(
      'evaluateReconstructions: expected the tokenizer to have',
    );
    const diverged = {
      ...model,
      vocabSize: 16,
      encode: model.encode.bind(model),
      decode: () => tf.fill([8, 8, 8, 3], NaN),
    };
    await expect(evaluateReconstructions(diverged as never, { images, seed: 1 })).rejects.toThrow(
      'evaluateReconstructions: expected finite pixel values, got NaN in image 0.',
    );
    const narrow = { vocabSize: 1, encode: model.encode.bind(model), decode: model.decode.bind(model) };
    await expect(evaluateReconstructions(narrow, { images, seed: 1 })).rejects.toThrow(
      'expected tokens to be integers in [0, 1)',
    );
  });
});
