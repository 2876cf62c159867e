import * as tf from '@tensorflow/tfjs';
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { randomKey, type ImageBatch } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { createTransformerTrainer } from '@vitvq/stage2-trainer';
import {
  brightnessTokenizer,
  classGPT,
  imageCount,
  tinyImageBatches,
  tinyTransformerTraining,
} from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import { loadTransformer, saveTransformer } from '@vitvq/transformers/node';
import { encodeToShards, FeatureConditioner, openCodes, type FeatureConditionerOptions } from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

/** The mean colour of each half of an image. */
function halves({ images, shape }: ImageBatch): Promise<Float32Array> {
  const size = images.length / shape[0]! / 2;
  const vectors = Float32Array.from({ length: 2 * shape[0]! }, (_, half) => {
    const values = images.subarray(half * size, (half + 1) * size);
    return values.reduce((sum, value) => sum + value, 0) / size;
  });
  return Promise.resolve(vectors);
}

const create = (options: Partial<FeatureConditionerOptions> = {}): FeatureConditioner =>
  new FeatureConditioner({
    width: 2,
    length: 3,
    dim: 16,
    key: randomKey(4),
    features: { name: 'halves' },
    vectorsOf: halves,
    ...options,
  });

async function temporaryFolder(): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'vitvq-features-'));
  onTestFinished(() => fs.rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('FeatureConditioner', () => {
  it('gives directions of the images that are not padding', async () => {
    const conditioner = create();
    const batch = await tinyImageBatches(2).next(); // two images, and padding
    const vectors = await halves(batch);
    const conditions = await conditioner.ofBatch(batch);
    expect(conditions).toHaveLength(2 * 2);
    for (const image of [0, 1]) {
      const [x, y] = vectors.subarray(2 * image) as unknown as [number, number];
      expect(conditions.subarray(2 * image, 2 * image + 2)).toBeAllClose([x / Math.hypot(x, y), y / Math.hypot(x, y)]);
    }
    expect(JSON.parse(JSON.stringify(conditioner.description))).toEqual(conditioner.description);
    conditioner.dispose();
  });

  it('embeds with a linear layer, and no condition as its bias', () => {
    const conditioner = create();
    const [weight, bias] = ['projection.weight', 'projection.bias'].map((name) =>
      conditioner.namedVariables().get(name)!,
    );
    bias!.assign(tf.linspace(-1, 1, 48));
    const embedded = conditioner.embed(tf.tensor2d([1, 0, 0, 0], [2, 2]));
    expect(embedded.shape).toEqual([2, 3, 16]);
    const values = embedded.dataSync();
    expect(values.slice(0, 48)).toBeAllClose(tf.add(tf.slice(weight!, 0, 1), bias!).dataSync());
    expect(values.slice(48)).toBeAllClose(bias!.dataSync());
    expectGradientsMatchFiniteDifferences((input) => conditioner.embed(input), [tf.tensor2d([0.6, 0.8], [1, 2])], {
      variables: conditioner.namedTrainableVariables(),
    });
    conditioner.dispose();
  });

  it('refuses vectors without a direction or of another width, and batches that have none', async () => {
    const conditioner = create();
    expect(() => conditioner.encode(new Float32Array(3))).toThrow('expected vectors of 2 numbers, got 3 numbers');
    expect(() => conditioner.encode(Float32Array.of(1, 1, 0, 0))).toThrow(/a vector of zeros for image 1/);
    expect(() => conditioner.encode(Float32Array.of(1, NaN))).toThrow(/not finite for image 0/);
    const codes = { tokens: new Int32Array(6), shape: [1, 6] };
    await expect(conditioner.ofBatch(codes)).rejects.toThrow(/codes without conditions.*encodeToShards/s);
    const mute = create({ vectorsOf: undefined });
    await expect(mute.ofBatch(await tinyImageBatches(0).next())).rejects.toThrow(/images, and no vectorsOf/);
    conditioner.dispose();
    mute.dispose();
  });

  it('is kept beside codes, trained on them alone, saved and loaded with its weights', async () => {
    const directory = await temporaryFolder();
    const conditioner = create();
    const encode = (by: FeatureConditioner): Promise<unknown> =>
      encodeToShards({
        tokenizer: brightnessTokenizer(),
        openBatches: (startAt) => tinyImageBatches(startAt),
        directory: join(directory, 'codes'),
        conditioner: by,
        batchesPerShard: 2,
      });
    await encode(conditioner);
    await encode(conditioner); // the same once more: shards are verified
    const other = create({ features: { name: 'others' } });
    await expect(encode(other)).rejects.toThrow(/conditioner/);

    const codes = await openCodes(join(directory, 'codes'));
    const batch = await codes.batches({ batchSize: imageCount, epochs: 1 }).next();
    const expected = new Float32Array(2 * imageCount);
    for (let index = 0; index < 3; index++) {
      expected.set(await conditioner.ofBatch(await tinyImageBatches(index).next()), index * 8);
    }
    expect(batch.conditions).toEqual(expected);

    const model = classGPT({ conditionVocabSize: undefined, conditionLength: 3 });
    const before = await conditioner.namedVariables().get('projection.weight')!.data();
    const train = async (by: FeatureConditioner): Promise<void> => {
      const trainer = createTransformerTrainer({
        model,
        conditioner: by,
        config: tinyTransformerTraining(),
        openBatches: (startAt) => codes.batches({ batchSize: 4, startAt }),
        tensorBoard: false,
      });
      await trainer.run();
      trainer.dispose();
    };
    const mute = create({ vectorsOf: undefined });
    await train(mute);
    expect(await mute.namedVariables().get('projection.weight')!.data()).not.toEqual(before);
    await expect(train(other)).rejects.toThrow(/encoded with/);
    await codes.close();

    await saveTransformer(join(directory, 'model'), model, mute);
    const loaded = await loadTransformer(join(directory, 'model'), { conditioner: create({ key: randomKey(77) }) });
    for (const [name, variable] of loaded.conditioner.namedVariables()) {
      expect(await variable.data()).toEqual(await mute.namedVariables().get(name)!.data());
    }
    await expect(loadTransformer(join(directory, 'model'))).rejects.toThrow(/to be given the conditioner/);
    loaded.model.dispose();
    model.dispose();
  });
});
