import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError, randomKey, ShapeError, type Tokenizer, type HostTokens } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import {
  shake,
  tinyMasked,
  tinyRQ,
  tokensOf,
  brightnessTokenizer,
  classGPT,
  grid,
  vocabSize,
} from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import {
  CaptionConditioner,
  ClassConditioner,
  conditionTensor,
  negativeLogLikelihood,
  nullConditions,
  nullConditionsOf,
  type ImageTokens,
} from '@vitvq/transformers';
import {
  completeTokens,
  ImageGenerator,
  Sampler,
  type ImageGeneratorOptions,
  type PartialImages,
} from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const model = shake(classGPT());
const conditioner = new ClassConditioner({ classCount: 3 });
const tokenizer = brightnessTokenizer();
const positions = grid[0] * grid[1];

/** Seven images: in batches of three, the last one has two to fill up. */
const count = 7;
const classes = Int32Array.from({ length: count }, (_, image) => image % 3);
const seeds = Array.from({ length: count }, (_, image) => 100 + image);
const tokens: HostTokens = {
  data: tokensOf([count, positions], vocabSize, 3).dataSync<'int32'>(),
  shape: [count, positions],
};
const tokensTensor = (): tf.Tensor2D => tf.tensor2d(tokens.data, [count, positions], 'int32');
const classTensor = (): tf.Tensor2D => tf.tensor2d(classes, [count, 1], 'int32');

async function using<T>(
  use: (generator: ImageGenerator) => Promise<T>,
  options: Partial<ImageGeneratorOptions> = {},
): Promise<T> {
  const generator = new ImageGenerator({ model, conditioner, tokenizer, batchSize: 3, ...options });
  return use(generator).finally(() => generator.dispose());
}

describe('negativeLogLikelihood', () => {
  it('is minus the logarithm of what a softmax gives each token', () => {
    const all = model.logits(classTensor(), tokensTensor());
    const logits = tf.reshape<tf.Rank.R3>(all, [count, positions, vocabSize]).arraySync();
    const expected = logits.flatMap((image, row) =>
      image.map((values, position) => {
        const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
        return Math.log(total) - values[tokens.data[row * positions + position]!]!;
      }),
    );
    const nats = negativeLogLikelihood(model, classTensor(), tokensTensor());
    expect(nats.shape).toEqual([count, positions]);
    expect([...nats.dataSync()]).toBeAllClose(expected, { atol: 1e-5 });
  });
});

describe('completeTokens', () => {
  it('repeats the position above, in the first row the one before', () => {
    const grid3 = { grid: [2, 3], codeDepth: 1 } as const;
    const tokensOfTwo = { data: Int32Array.of(5, -1, -1, -1, -1, -1, 1, 2, 3, 4, -1, -1), shape: [2, 6] };
    expect([...completeTokens(tokensOfTwo, grid3).data]).toEqual([5, 5, 5, 5, 5, 5, 1, 2, 3, 4, 2, 3]);
    const codeDepth = { data: Int32Array.of(1, 2, -1, -1, -1, -1, 3, 4), shape: [1, 4, 2] };
    expect([...completeTokens(codeDepth, { grid: [2, 2], codeDepth: 2 }).data]).toEqual([1, 2, 1, 2, 1, 2, 3, 4]);
    const nothing = { data: new Int32Array(6).fill(-1), shape: [1, 6] };
    expect([...completeTokens(nothing, grid3).data]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('ImageGenerator', () => {
  it('draws what a sampler draws at once, in batches of any size, and shows what the tokenizer makes of it', async () => {
    const sampler = new Sampler(model);
    const unconditional = tf.fill<tf.Rank.R2>([count, 1], 3, 'int32');
    const options = { seeds, topK: 4, temperature: 0.9 };
    const drawn = await sampler.sample({
      ...options,
      conditions: classTensor(),
      guidance: { scale: 2, unconditional },
    });
    sampler.dispose();
    for (const batchSize of [1, 3, count, 10]) {
      const generated = await using(
        (generator) => generator.generate({ ...options, conditions: classes, guidanceScale: 2 }),
        { batchSize },
      );
      expect(generated.tokens.shape).toEqual([count, positions]);
      expect([...generated.tokens.data]).toEqual([...drawn.dataSync()]);
      const images = tokenizer.decode(drawn);
      expect(generated.images.shape).toEqual(images.shape);
      expect([...generated.images.data]).toBeAllClose([...images.dataSync()]);
    }
  });

  it('guides each image away from no caption of its own length', async () => {
    const captioned = new CaptionConditioner({ length: 3, captionDim: 4, dim: model.dim, key: randomKey(5) });
    const gpt = shake(
      classGPT({
        ...{ conditionVocabSize: undefined, conditionLength: 3, useTimeMixing: false },
        ...{ conditionAttention: 'causal', conditionPadding: 'zero' },
      }),
    );
    shake(captioned);
    const captions = captioned.encode(
      [1, 3, 2, 1].map((length) => Float32Array.from({ length: length * 4 }, (_, at) => Math.cos(length + at))),
    );
    const own = seeds.slice(0, 4);
    const sampler = new Sampler(gpt);
    const options = { conditions: conditionTensor(captioned, captions), seeds: own, topK: 3 };
    const tokensGuidedBy = async (unconditional: tf.Tensor3D): Promise<number[]> => {
      const drawn = await sampler.sample({ ...options, guidance: { scale: 6, unconditional } });
      return [...(await drawn.data())];
    };
    const expected = await tokensGuidedBy(nullConditionsOf(captioned, captions));
    expect(await tokensGuidedBy(nullConditions(captioned, 4))).not.toEqual(expected);
    sampler.dispose();
    const request = { conditions: captions, seeds: own, topK: 3, guidanceScale: 6 };
    const drawn = await using((generator) => generator.sample(request), { model: gpt, conditioner: captioned });
    expect([...drawn.data]).toEqual(expected);
  });

  it('takes no condition for the null token', async () => {
    const withoutClass = new Int32Array(count).fill(3);
    await using(async (generator) => {
      expect(await generator.sample({ seeds })).toEqual(await generator.sample({ seeds, conditions: withoutClass }));
      expect(await generator.negativeLogLikelihood(tokens)).toEqual(
        await generator.negativeLogLikelihood(tokens, { conditions: withoutClass }),
      );
    });
  });

  it('shows images in the making, row by row or as often as it is asked to', async () => {
    await using(async (generator) => {
      const options = { seeds: seeds.slice(0, 2), conditions: classes.slice(0, 2), guidanceScale: 2 };
      const expected = await generator.generate(options);
      const watched: PartialImages[] = [];
      for await (const partial of generator.stream(options)) watched.push(partial);
      expect(watched.map(({ count: known }) => known)).toEqual([1, 3, 6]);
      const [, half, last] = watched;
      expect({ tokens: last!.tokens, images: last!.images }).toEqual(expected);
      expect(half!.tokens.shape).toEqual([2, 6]);
      expect([...half!.tokens.data.subarray(0, 6)]).toEqual([...expected.tokens.data.subarray(0, 3), -1, -1, -1]);
      expect(half!.images).toEqual(await generator.decode(completeTokens(half!.tokens, model)));
      const counts: number[] = [];
      for await (const { count: known } of generator.stream({ ...options, every: 4 })) counts.push(known);
      expect(counts).toEqual([1, 4, 6]);
    });
  });

  it('keeps given tokens of each image', async () => {
    const given = { ...tokens, data: tokens.data.map((token, index) => (index % positions < 3 ? token : -1)) };
    const completed = await using((generator) => generator.sample({ seeds, conditions: classes, given }));
    completed.data.forEach((token, index) => {
      if (index % positions < 3) expect(token).toBe(tokens.data[index]);
      expect(token).toBeGreaterThanOrEqual(0);
    });
    expect(completed.data).not.toEqual(tokens.data);
  });

  it('keeps the candidate in which the model is surest of the class', async () => {
    await using(async (generator) => {
      const options = { seeds, conditions: classes };
      const probabilityOf = async (drawn: HostTokens): Promise<number[]> => {
        const ofClass: number[][] = [];
        for (const label of [0, 1, 2]) {
          const nats = await generator.negativeLogLikelihood(drawn, { conditions: new Int32Array(count).fill(label) });
          ofClass.push(
            seeds.map((_, image) =>
              Math.exp(-nats.subarray(image * positions, (image + 1) * positions).reduce((sum, value) => sum + value)),
            ),
          );
        }
        return seeds.map((_, image) => {
          const likelihoods = ofClass.map((values) => values[image]!);
          return likelihoods[classes[image]!]! / likelihoods.reduce((sum, value) => sum + value);
        });
      };
      const surest: HostTokens[] = [];
      for (const candidates of [1, 2, 3, 4, 5]) surest.push(await generator.sample({ ...options, candidates }));
      const [first, five] = [surest[0]!, surest[4]!];
      expect(await generator.sample(options)).toEqual(first);
      const sureness = await Promise.all(surest.map(probabilityOf));
      for (const [image] of seeds.entries()) {
        for (const [index, after] of sureness.slice(1).entries()) {
          expect(after[image]!).toBeGreaterThanOrEqual(sureness[index]![image]! * (1 - 1e-5));
        }
      }
      expect(five.data).not.toEqual(first.data);

      // The first candidate that is sure enough is the surest up to there; else the surest is kept.
      const ofFive = sureness[4]!.toSorted((a, b) => a - b);
      const sureEnough = (ofFive[1]! + ofFive[2]!) / 2;
      const enough = await generator.sample({ ...options, candidates: 5, sureEnough });
      const numbers = seeds.map((_, image) => {
        const index = sureness.findIndex((values) => values[image]! >= sureEnough);
        return index === -1 ? 4 : index;
      });
      expect(new Set(numbers).size).toBeGreaterThan(1);
      for (const [image, index] of numbers.entries()) {
        const [from, to] = [image * positions, (image + 1) * positions];
        expect(enough.data.slice(from, to)).toEqual(surest[index]!.data.slice(from, to));
      }
      // An image does not depend on the others of its call.
      const alone = await generator.sample({ seeds: [seeds[4]!], conditions: classes.subarray(4, 5), candidates: 5 });
      expect(alone.data).toEqual(five.data.slice(4 * positions, 5 * positions));
      await expect(generator.sample({ seeds, candidates: 2 })).rejects.toThrow('got no conditions');
      await expect(generator.sample({ ...options, candidates: 0 })).rejects.toThrow(ConfigError);
      await expect(generator.sample({ ...options, candidates: 2, sureEnough: 0 })).rejects.toThrow('sureEnough');
    });
    const ofOne = { conditioner: new ClassConditioner({ classCount: 1 }), model: classGPT({ conditionVocabSize: 2 }) };
    const request = { seeds: [1], conditions: Int32Array.of(0), candidates: 2 };
    await using((generator) => expect(generator.sample(request)).rejects.toThrow('of no classes, or of one'), ofOne);
    const masked = { model: tinyMasked({ vocabSize, grid, conditionVocabSize: 4, conditionLength: 1 }) };
    await using((generator) => expect(generator.sample(request)).rejects.toThrow('no likelihood'), masked);
  });

  it('encodes what it decodes to the same tokens', async () => {
    const again = await using(async (generator) => generator.encode(await generator.decode(tokens)));
    expect(again).toEqual(tokens);
  });

  it('measures each image under its own condition', async () => {
    const nats = await using((generator) => generator.negativeLogLikelihood(tokens, { conditions: classes }));
    expect([...nats]).toBeAllClose([...negativeLogLikelihood(model, classTensor(), tokensTensor()).dataSync()]);
  });

  it('cuts off values that no picture has', async () => {
    const glaring: Tokenizer = { ...tokenizer, decode: (codes) => tf.sub(tf.mul(3, tokenizer.decode(codes)), 1) };
    const { data } = await using((generator) => generator.decode(tokens), { tokenizer: glaring });
    const plain = tokenizer.decode(tokensTensor()).dataSync();
    expect([...data]).toBeAllClose([...plain].map((value) => Math.min(1, Math.max(0, 3 * value - 1))));
    expect(Math.min(...data)).toBe(0);
    expect(Math.max(...data)).toBe(1);
  });

  it('has several levels where the model has', async () => {
    const parts = {
      model: tinyRQ({ conditionVocabSize: 4, conditionLength: 1 }),
      tokenizer: brightnessTokenizer({ codes: 11, codeDepth: 3, size: [3, 4] }),
      batchSize: 2,
    };
    await using(async (generator) => {
      const { tokens: drawn, images } = await generator.generate({ seeds: [1, 2, 3] });
      expect(drawn.shape).toEqual([3, 12, 3]);
      expect(images.shape).toEqual([3, 6, 8, 3]);
      expect((await generator.encode(images)).shape).toEqual([3, 12, 3]);
      const nats = await generator.negativeLogLikelihood(drawn);
      const tensor = tf.tensor3d(drawn.data, [3, 12, 3], 'int32') as ImageTokens;
      const nullClass = tf.fill<tf.Rank.R2>([3, 1], 3, 'int32');
      expect([...nats]).toBeAllClose([...negativeLogLikelihood(parts.model, nullClass, tensor).dataSync()]);
    }, parts);
  });

  it('leaves no tensors behind, stopped or refused either', async () => {
    const stopped = AbortSignal.abort(new Error('stopped'));
    await expectNoTensorLeak(() =>
      using(async (generator) => {
        await generator.generate({ seeds, conditions: classes, guidanceScale: 2, given: tokens });
        await generator.negativeLogLikelihood(tokens);
        for await (const { count: known } of generator.stream({ seeds: [1] })) if (known === 3) break;
        await expect(generator.generate({ seeds, signal: stopped })).rejects.toThrow('stopped');
        await expect(generator.decode(tokens, { signal: stopped })).rejects.toThrow('stopped');
        await expect(generator.sample({ seeds, topK: 0 })).rejects.toThrow(ConfigError);
      }),
    );
  });

  it.each([
    ['no seeds', ConfigError, (generator) => generator.sample({ seeds: [] })],
    [
      'fewer conditions than seeds',
      ShapeError,
      (generator) => generator.sample({ seeds, conditions: Int32Array.of(1) }),
    ],
    [
      'conditions that are no typed array',
      ShapeError,
      (generator) => generator.sample({ seeds: [1], conditions: [1] as unknown as Int32Array }),
    ],
    ['more images in the making than fit', ConfigError, (generator) => generator.stream({ seeds }).next()],
    ['pictures after no position', ConfigError, (generator) => generator.stream({ seeds: [1], every: 0 }).next()],
    [
      'a class that there is not',
      DataError,
      (generator) => generator.sample({ seeds: [1], conditions: Int32Array.of(9) }),
    ],
    ['given tokens of other images', ShapeError, (generator) => generator.sample({ seeds: [1], given: tokens })],
    ['tokens out of range', DataError, (generator) => generator.decode({ ...tokens, data: tokens.data.map(() => -1) })],
    ['tokens of another grid', ConfigError, (generator) => generator.decode({ data: tokens.data, shape: [6, 7] })],
    [
      'tokens that are not there',
      ShapeError,
      (generator) => generator.negativeLogLikelihood({ ...tokens, shape: [8, positions] }),
    ],
    [
      'bytes',
      DataError,
      (generator) => generator.encode({ data: new Float32Array(72).fill(255), shape: [1, 4, 6, 3] }),
    ],
    ['no image', ShapeError, (generator) => generator.encode({ data: new Float32Array(), shape: [0, 4, 6, 3] })],
  ] as [string, new (...facts: never[]) => Error, (generator: ImageGenerator) => Promise<unknown>][])(
    'refuses %s',
    async (_, kind, call) => {
      await expect(using(call)).rejects.toThrow(kind);
    },
  );

  it('refuses parts that do not fit', () => {
    const make = (parts: Partial<ImageGeneratorOptions>) => () =>
      new ImageGenerator({ model, conditioner, tokenizer, ...parts });
    expect(make({ tokenizer: brightnessTokenizer({ codes: 11 }) })).toThrow(/11 codes for a vocabulary of 6/);
    expect(make({ conditioner: new ClassConditioner({ classCount: 9 }) })).toThrow(ConfigError);
    expect(make({ batchSize: 0 })).toThrow(ConfigError);
    expect(make({ conditioner: undefined })).toThrow(/1 condition tokens for conditionVocabSize 4/);
    expect(make({ tokenizer: brightnessTokenizer({ codeDepth: 2 }) })).toThrow(/2 code\(s\) a position for 1/);
  });
});
