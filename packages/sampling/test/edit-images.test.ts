import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, randomKey, ShapeError, type HostTokens } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { brightnessTokenizer, classGPT, grid, shake, tokensOf, vocabSize } from '@vitvq/test-models';
import {
  AnyOrderTransformer,
  ClassConditioner,
  type GPT,
  MaskedTransformer,
  negativeLogLikelihood,
  type AnyTokenModel,
} from '@vitvq/transformers';
import {
  editImages,
  ImageGenerator,
  invertMask,
  maskAtRandom,
  maskOfPixels,
  maskOfRectangle,
  swapTokens,
  type EditOptions,
} from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const conditioner = new ClassConditioner({ classCount: 3 });
const [rows, columns] = grid;
const positions = rows * columns;
const seeds = [1, 2, 3];
const tokens: HostTokens = {
  data: tokensOf([3, positions], vocabSize, 3).dataSync<'int32'>(),
  shape: [3, positions],
};
const size = { vocabSize, grid, conditionVocabSize: 4, dim: 16, depth: 1, numHeads: 2, key: randomKey(3) };
const models: [string, () => AnyTokenModel][] = [
  ['GPT', () => shake(classGPT())],
  ['MaskedTransformer', () => shake(new MaskedTransformer(size))],
  ['AnyOrderTransformer', () => shake(new AnyOrderTransformer(size))],
];

async function edited(model: AnyTokenModel, options: Partial<EditOptions> & Pick<EditOptions, 'mask'>) {
  const generator = new ImageGenerator({ model, conditioner, tokenizer: brightnessTokenizer(), batchSize: 3 });
  try {
    return await editImages(generator, { tokens, seeds, conditions: Int32Array.of(0, 1, 2), ...options });
  } finally {
    generator.dispose();
  }
}

describe.each(models)('editImages with a %s', (_name, create) => {
  it('draws the masked tokens and keeps the others', async () => {
    const mask = maskOfRectangle({ top: 0, left: 0, height: 1, width: 2 }, grid, 3);
    const { tokens: drawn, images } = await edited(create(), { mask });
    drawn.data.forEach((token, at) => {
      if (mask.data[at] === 0) expect(token).toBe(tokens.data[at]);
      else expect(token).toBeGreaterThanOrEqual(0);
    });
    expect(images.shape[0]).toBe(3);
    const again = await edited(create(), { mask });
    expect([...again.tokens.data]).toEqual([...drawn.data]);
    const others = await edited(create(), { mask, seeds: [11, 12, 13] });
    expect([...others.tokens.data]).not.toEqual([...drawn.data]);
  });

  it('keeps pixels where it is asked to', async () => {
    const generator = new ImageGenerator({
      model: create(),
      conditioner,
      tokenizer: brightnessTokenizer(),
      batchSize: 3,
    });
    const plain = await generator.decode(tokens);
    generator.dispose();
    const [, height, width] = plain.shape;
    const originals = { ...plain, data: plain.data.map((value) => value / 2) };
    const pixels = new Uint8Array(3 * height * width);
    pixels[0] = 255;
    const changed = { data: pixels, shape: [3, height, width] as const };
    const { images } = await edited(create(), {
      mask: maskOfPixels(changed, grid),
      keep: { images: originals, mask: changed },
    });
    images.data.forEach((value, at) => {
      if (at >= plain.shape[3]) expect(value).toBe(originals.data[at]);
    });
  });
});

it('chooses among candidates of raster order by the likelihood of what stays', async () => {
  const images = 240;
  const model: GPT = shake(classGPT(), 4, 0.25);
  const row = Int32Array.from({ length: positions }, (_, at) => at % vocabSize);
  const all = {
    data: Int32Array.from({ length: images * positions }, (_, at) => row[at % positions]!),
    shape: [images, positions],
  };
  const mask = maskOfRectangle({ top: 0, left: 0, height: 1, width: 1 }, grid, images);
  const generator = new ImageGenerator({ model, conditioner, tokenizer: brightnessTokenizer(), batchSize: images });
  const { tokens: drawn } = await editImages(generator, {
    tokens: all,
    mask,
    seeds: Array.from({ length: images }, (_, image) => image),
    conditions: new Int32Array(images).fill(1),
    candidates: 16,
  });
  generator.dispose();
  // The exact distribution of the first token given all others, from the likelihoods of all images.
  const every = tf.tensor2d(
    Array.from({ length: vocabSize }, (_, token) => [token, ...row.subarray(1)]),
    [vocabSize, positions],
    'int32',
  );
  const nats = negativeLogLikelihood(model, tf.fill<tf.Rank.R2>([vocabSize, 1], 1, 'int32'), every);
  const exact = await tf.softmax(tf.neg(tf.sum(nats, 1))).data();
  const prior = await tf.softmax(tf.neg(tf.squeeze(tf.slice(nats, [0, 0], [-1, 1]), [1]))).data();
  const counts = new Float64Array(vocabSize);
  for (let image = 0; image < images; image++) counts[drawn.data[image * positions]!]! += 1 / images;
  const distance = (other: ArrayLike<number>): number =>
    counts.reduce((sum, share, token) => sum + Math.abs(share - other[token]!) / 2, 0);
  expect(distance(exact)).toBeLessThan(0.12);
  expect(distance(prior)).toBeGreaterThan(2 * distance(exact));
});

it('refuses what cannot be done', async () => {
  const mask = maskOfRectangle({ top: 0, left: 0, height: 1, width: 1 }, grid, 3);
  await expect(edited(models[0]![1](), { mask, candidates: 1 })).rejects.toThrow('a mask that ends the image');
  await expect(edited(models[1]![1](), { mask, candidates: 4 })).rejects.toThrow(ConfigError);
  await expect(edited(models[1]![1](), { mask: maskAtRandom(0.5, grid, [1]) })).rejects.toThrow(ShapeError);
});

describe('masks of tokens', () => {
  it('hold the patches of which a pixel changes', () => {
    const data = new Uint8Array(2 * 4 * 6);
    data[0] = 1; // first image, top left
    data[24 + 23] = 7; // second image, bottom right
    const { data: mask, shape } = maskOfPixels({ data, shape: [2, 4, 6] }, [2, 3]);
    expect(shape).toEqual([2, 6]);
    expect([...mask]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(() => maskOfPixels({ data, shape: [2, 4, 6] }, [3, 3])).toThrow(ShapeError);
  });

  it('hold a rectangle, or everything around it', () => {
    const inside = maskOfRectangle({ top: 1, left: 0, height: 1, width: 2 }, [2, 3], 1);
    expect([...inside.data]).toEqual([0, 0, 0, 1, 1, 0]);
    expect([...invertMask(inside).data]).toEqual([1, 1, 1, 0, 0, 1]);
    expect(() => maskOfRectangle({ top: 1, left: 0, height: 2, width: 2 }, [2, 3], 1)).toThrow(ConfigError);
  });

  it('hold so many tokens at random, the same for a seed', () => {
    const { data } = maskAtRandom(0.25, [4, 4], [5, 6]);
    for (const image of [0, 1]) {
      expect(data.subarray(16 * image, 16 * (image + 1)).reduce((sum, value) => sum + value, 0)).toBe(4);
    }
    expect([...maskAtRandom(0.25, [4, 4], [6]).data]).toEqual([...data.subarray(16)]);
  });

  it('say which tokens come from another image, with all of their codes', () => {
    const one = { data: Int32Array.of(1, 2, 3, 4), shape: [1, 2, 2] };
    const other = { data: Int32Array.of(5, 6, 7, 8), shape: [1, 2, 2] };
    const mask = { data: Uint8Array.of(0, 1), shape: [1, 2] as const };
    expect([...swapTokens(one, other, mask).data]).toEqual([1, 2, 7, 8]);
    expect(() => swapTokens(one, { ...other, shape: [2, 2] }, mask)).toThrow(ShapeError);
  });
});
