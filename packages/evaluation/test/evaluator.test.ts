import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { tinyImages, tinyModel } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { codebookReports, Evaluator } from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

describe('Evaluator', () => {
  it('gives the same results whatever the batch size, the last batch filled up or not', async () => {
    const model = tinyModel();
    const images = tinyImages(10);
    const [a, b] = await Promise.all([1, 4].map((batchSize) => new Evaluator(model, { batchSize }).evaluate(images)));
    expect(a!.reconstructions.data).toBeAllClose(b!.reconstructions.data);
    expect(a!.indices).toEqual(b!.indices);
    expect(a!.indices).toHaveLength(10 * 4);
    expect(a!.psnr).toBeCloseTo(b!.psnr, 4);
    expect(a!.count).toBe(10);
  });

  it("averages each image's PSNR", async () => {
    const model = tinyModel();
    const { data, shape } = tinyImages(3);
    const evaluator = new Evaluator(model, { batchSize: 2 });
    const { psnr, psnrOfImages, meanSquaredError, reconstructions } = await evaluator.evaluate({ data, shape });
    const pixels = 8 * 8 * 3;
    const errors = [0, 1, 2].map((image) => {
      let sum = 0;
      for (let at = image * pixels; at < (image + 1) * pixels; at++)
        sum += (data[at]! - reconstructions.data[at]!) ** 2;
      return sum / pixels;
    });
    expect(psnrOfImages).toBeAllClose(
      errors.map((error) => -10 * Math.log10(error)),
      { rtol: 1e-4 },
    );
    expect(psnr).toBeCloseTo((psnrOfImages[0]! + psnrOfImages[1]! + psnrOfImages[2]!) / 3, 6);
    expect(meanSquaredError).toBeCloseTo((errors[0]! + errors[1]! + errors[2]!) / 3, 6);
  });

  it("knows the codebook's use: by batches of 256 images, as the paper, and altogether", async () => {
    const model = tinyModel({ quantizer: { codebookSize: 512 } });
    const images = tinyImages(520);
    const { codebook, indices } = await new Evaluator(model, { batchSize: 130 }).evaluate(images);
    const used = (from: number, to: number): number => new Set(indices!.subarray(from * 4, to * 4)).size / 512;
    expect(codebook!.paperUsage).toBeCloseTo((used(0, 256) + used(256, 512)) / 2, 10);
    expect(codebook!.usage).toBeCloseTo(used(0, 520), 10);
    expect(codebook!.usage).toBeGreaterThan(0);
    expect(codebook!.perplexity).toBeGreaterThan(1);
    expect(codebook!.perplexity).toBeLessThanOrEqual(512 * codebook!.usage + 1e-9);
    expect(codebook!.deadCodes).toHaveLength(512 - Math.round(codebook!.usage * 512));
    expect(codebook!.counts.reduce((sum, count) => sum + count, 0)).toBe(520 * 4);
    expect((await new Evaluator(model).evaluate(tinyImages(255))).codebook!.paperUsage).toBeUndefined();
  });

  it('knows the use of codes by each level', async () => {
    const model = tinyModel();
    const residual = {
      vocabSize: 16,
      encode: (images: tf.Tensor4D) => {
        const first = model.encode(images) as tf.Tensor2D;
        return tf.stack<tf.Tensor2D>([first, tf.onesLike(first)], 2) as tf.Tensor3D;
      },
      decode: (tokens: tf.Tensor) => model.decode(tf.squeeze(tf.slice(tokens, [0, 0, 0], [-1, -1, 1]), [2])),
    };
    const { codebook, levels, indices } = await new Evaluator(residual).evaluate(tinyImages(20));
    expect(levels).toHaveLength(2);
    levels.forEach(({ counts, usage }, level) => {
      const own = indices!.filter((_, at) => at % 2 === level);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20 * 4);
      expect(usage).toBeCloseTo(new Set(own).size / 16, 10);
    });
    expect(codebook!.counts).toEqual(levels[0]!.counts.map((count, code) => count + levels[1]!.counts[code]!));
    expect(levels[1]!.usage).toBe(1 / 16);
    const { codebook: whole, levels: one } = await new Evaluator(model).evaluate(tinyImages(3));
    expect(one).toEqual([whole]);
  });

  it('says nothing of codes where latents are none', async () => {
    const images = tinyImages(3);
    const half = { isContinuous: true as const, reconstruct: (x: tf.Tensor4D) => tf.mul<tf.Tensor4D>(x, 0.5) };
    const evaluation = await new Evaluator(half, { batchSize: 2 }).evaluate(images);
    const { codebook, levels, indices, meanSquaredError } = evaluation;
    expect([codebook, levels, indices]).toEqual([undefined, [], undefined]);
    const squares = [...images.data].map((value) => (value / 2) ** 2);
    expect(meanSquaredError).toBeCloseTo(squares.reduce((sum, value) => sum + value) / squares.length, 6);
    await expect(codebookReports({ codeDepth: 1 }, evaluation)).rejects.toThrow(/the evaluation to have codebook/);
  });

  it('refuses tokens that are no codes, naming the first', async () => {
    const model = tinyModel();
    const broken = {
      vocabSize: 16,
      encode: (images: tf.Tensor4D) => tf.add<tf.Tensor2D>(tf.mul(model.encode(images), 0), tf.scalar(16, 'int32')),
      decode: () => tf.zeros<tf.Rank.R4>([2, 8, 8, 3]),
    };
    await expect(new Evaluator(broken, { batchSize: 2 }).evaluate(tinyImages(2))).rejects.toThrow(
      'Evaluator.evaluate: expected tokens to be integers in [0, 16), got 16 at [0, 0].',
    );
  });

  it('keeps no tensor', async () => {
    const evaluator = new Evaluator(tinyModel(), { batchSize: 2 });
    const images = tinyImages(3);
    await expectNoTensorLeak(async () => void (await evaluator.evaluate(images)));
    evaluator.dispose();
  });

  it('refuses values that are no colours, and a tokenizer that is none', async () => {
    const evaluator = new Evaluator(tinyModel());
    const { data, shape } = tinyImages(1);
    const bytes = data.map((value) => 255 * value);
    await expect(evaluator.evaluate({ data: bytes, shape })).rejects.toThrow('divided by 255');
    await expect(evaluator.evaluate({ data: data.fill(NaN), shape })).rejects.toThrow('got NaN in image 0.');
    await expect(evaluator.evaluate({ data, shape: [1, 3, 8, 8] })).rejects.toThrow('[B, C, H, W]');
    expect(() => new Evaluator({} as never)).toThrow('got an object without vocabSize, encode, decode');
  });

  it('refuses values that do not fill the shape, and no images', async () => {
    const evaluator = new Evaluator(tinyModel());
    await expect(evaluator.evaluate({ data: new Float32Array(5), shape: [1, 8, 8, 3] })).rejects.toThrow(
      'Evaluator.evaluate: expected the values of one image or more, of shape [B, H, W, C], got 5 values for [1, 8, 8, 3].',
    );
    await expect(evaluator.evaluate({ data: new Float32Array(0), shape: [0, 8, 8, 3] })).rejects.toThrow(ShapeError);
    expect(() => new Evaluator(tinyModel(), { batchSize: 0 })).toThrow('Evaluator: expected batchSize');
  });
});
