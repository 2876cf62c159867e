import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ConfigError,
  DataError,
  foldIn,
  Module,
  normalInitializer,
  randomKey,
  randomUniform,
  type CodeBatch,
  type ImageOrCodeBatch,
} from '@vitvq/core';
import { doctor, useEngine } from '@vitvq/engine';
import { Linear } from '@vitvq/layers';
import { Sampler } from '@vitvq/sampling';
import {
  readConditionerWeights,
  readTransformerWeights,
  createTransformerTrainer,
  type TransformerTrainerOptions,
} from '@vitvq/stage2-trainer';
import { brightnessTokenizer, classGPT, grid, tinyTransformerTraining, vocabSize } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import type { StepReport } from '@vitvq/training';
import { conditionTensor, nullConditions, type EmbeddingConditioner, type GPT } from '../src/index.js';
import { loadTransformer, saveTransformer } from '../src/node/model-folder.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);
const fastest = { name: hasOnnx ? 'onnx' : 'cpu', threads: 2, onCompile: () => undefined } as const;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-embedding-'));
  await useEngine({ name: 'cpu' });
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const width = 16;

/**
 * How bright and how steep an image is, of its place in the source; a linear layer makes two
 * vectors of it.
 */
class SlopeConditioner extends Module implements EmbeddingConditioner {
  readonly length = 2;
  readonly dim = width;
  readonly inputShape = [2];
  // No image is like that: brightness is in [0, 1].
  readonly nullInput = Float32Array.of(-1, 0);
  readonly description = { kind: 'slope' };
  readonly #linear: Linear;

  constructor(seed = 1) {
    super();
    const initializer = normalInitializer(0.5);
    const options = { inFeatures: 2, outFeatures: 2 * width, initializer, key: randomKey(seed) };
    this.#linear = this.child('linear', new Linear(options));
  }

  ofBatch({ indices, count, shape }: ImageOrCodeBatch): Float32Array {
    return Float32Array.from(
      Array.from(indices!.subarray(0, count ?? shape[0]!)).flatMap((index) => this.valuesOf(index)),
    );
  }

  valuesOf(index: number): readonly [number, number] {
    const [first, steep] = randomUniform(foldIn(randomKey(2), index), 2);
    return [first!, steep! < 0.5 ? 0 : 1];
  }

  embed(input: tf.Tensor): tf.Tensor3D {
    return tf.tidy(() => tf.reshape(this.#linear.apply(input), [input.shape[0], this.length, this.dim]));
  }
}

/**
 * Codes that their condition tells: the first is the brightness, each next one is the slope more.
 */
function codesOf([first, slope]: readonly [number, number]): number[] {
  return Array.from({ length: grid[0] * grid[1] }, (_, at) => (Math.floor(first * vocabSize) + at * slope) % vocabSize);
}

const rule = new SlopeConditioner();
function batchOf(position: number, batchSize = 16): CodeBatch {
  const indices = Int32Array.from({ length: batchSize }, (_, row) => position * batchSize + row);
  const tokens = Int32Array.from(Array.from(indices).flatMap((index) => codesOf(rule.valuesOf(index))));
  return { tokens, shape: [batchSize, grid[0] * grid[1]], indices };
}

function openBatches(startAt: number) {
  let position = startAt;
  return { next: () => Promise.resolve(batchOf(position++)), close: () => undefined };
}

function model(): GPT {
  return classGPT({ conditionVocabSize: undefined, conditionLength: 2, dim: width });
}

type Options = Partial<TransformerTrainerOptions>;

async function train(options: Options, { restore = false, stopAfter = Infinity } = {}) {
  const parts = { model: model(), conditioner: new SlopeConditioner() };
  const config = tinyTransformerTraining({ conditionDropRate: 0.2, ema: { decay: 0.9 } });
  const trainer = createTransformerTrainer({ ...parts, config, openBatches, tensorBoard: false, ...options });
  if (restore) await trainer.restore(directory);
  const stop = new AbortController();
  const losses: number[] = [];
  trainer.on('step', ({ step, values }: StepReport) => {
    losses.push(values['loss']!);
    if (step === stopAfter) stop.abort();
  });
  try {
    const { evaluation } = await trainer.run({ signal: stop.signal });
    return { ...parts, evaluation, losses };
  } finally {
    trainer.dispose();
  }
}

const valuesOf = (module: Module): number[][] =>
  [...module.namedVariables().values()].map((variable) => [...variable.dataSync()]);

describe('a conditioner that embeds', () => {
  it('is trained with the model, so that samples follow what they are given', async () => {
    await useEngine(fastest);
    const {
      model: gpt,
      conditioner,
      evaluation,
    } = await train({
      config: tinyTransformerTraining({ duration: { steps: 250 }, conditionDropRate: 0.1 }),
      evaluation: { openBatches: () => [batchOf(1000), batchOf(1001)] },
    });
    // Nothing is left to chance; without the condition the first code would cost ln(6) / 6 = 0.3 at
    // the least.
    expect(evaluation!.natsPerToken).toBeLessThan(0.15);
    expect(valuesOf(conditioner)).not.toEqual(valuesOf(new SlopeConditioner()));
    const wanted = [
      [0.25, 1],
      [0.75, 0],
    ] as const;
    const sampler = new Sampler(gpt);
    const conditions = conditionTensor(conditioner, Float32Array.from(wanted.flat()));
    const unconditional = nullConditions(conditioner, 2);
    for (const guidance of [undefined, { scale: 2, unconditional }]) {
      const tokens = await sampler.sample({ conditions, seeds: [1, 2], topK: 1, guidance });
      expect([...(await tokens.data())]).toEqual(wanted.flatMap(codesOf));
    }
    sampler.dispose();
  });

  it('goes on bit for bit when its training is resumed, its averages and optimizer state included', async () => {
    const straight = await train({});
    const first = await train({ directory }, { stopAfter: 3 });
    const second = await train({ directory }, { restore: true });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    expect(valuesOf(second.conditioner)).toEqual(valuesOf(straight.conditioner));
    expect(valuesOf(second.model)).toEqual(valuesOf(straight.model));
    const last = await readConditionerWeights(directory, { which: 'last' });
    const average = await readConditionerWeights(directory);
    expect([...last.keys()]).toEqual(['linear.weight', 'linear.bias']);
    expect([...last.values()].map(({ data }) => [...data])).toEqual(valuesOf(second.conditioner));
    expect([...average.keys()]).toEqual([...last.keys()]);
    expect(average).not.toEqual(last);
    model().loadVariables(await readTransformerWeights(directory));
  });

  it('is kept in a model folder with its weights', async () => {
    const { model: gpt, conditioner } = await train({});
    await saveTransformer(directory, gpt, conditioner);
    await expect(loadTransformer(directory)).rejects.toThrow(/to be given the conditioner {"kind":"slope"}/);
    const given = new SlopeConditioner(8);
    const loaded = await loadTransformer(directory, { conditioner: given });
    expect(loaded.conditioner).toBe(given);
    expect(valuesOf(given)).toEqual(valuesOf(conditioner));
    expect(valuesOf(loaded.model)).toEqual(valuesOf(gpt));
  });

  it('leaves no tensors behind, with looks and evaluations either', async () => {
    const parts = { model: model(), conditioner: new SlopeConditioner() };
    const options: Options = {
      ...parts,
      tokenizer: brightnessTokenizer(),
      config: tinyTransformerTraining({ duration: { steps: 2 }, conditionDropRate: 0.5, accumulate: 2 }),
      evaluation: { openBatches: () => [batchOf(0)] },
      preview: { steps: [1], conditions: Float32Array.of(0.2, 1, 0.9, 0), guidanceScale: 2 },
    };
    await expectNoTensorLeak(async () => {
      const extra = await train(options);
      extra.model.dispose();
      extra.conditioner.dispose();
    });
  });

  it.each([
    [
      'a width',
      { model: classGPT({ conditionVocabSize: undefined, conditionLength: 2, dim: 8 }) },
      /width 16 for dim 8/,
    ],
    [
      'a length',
      { model: classGPT({ conditionVocabSize: undefined }) },
      /2 condition token\(s\) for conditionLength 1/,
    ],
    ['a table', { model: classGPT({ conditionLength: 2 }) }, /embeddings for a model with a conditionVocabSize/],
    [
      'a preview',
      { preview: { count: 2, conditions: new Float32Array(3) } },
      /preview\.conditions: expected tokens \[2, 2\], got 3/,
    ],
  ] as [string, Options, RegExp][])('refuses %s that does not fit', async (_, options, message) => {
    await expect(train(options)).rejects.toThrow(ConfigError);
    await expect(train(options)).rejects.toThrow(message);
  });

  it('refuses numbers that are none, and too few of them', async () => {
    const conditioner = new SlopeConditioner();
    conditioner.ofBatch = () => new Float32Array(32).fill(NaN, 5);
    await expect(train({ conditioner })).rejects.toThrow(DataError);
    await expect(train({ conditioner })).rejects.toThrow(/conditions to be finite numbers, got NaN for image 2/);
    conditioner.ofBatch = () => new Float32Array(31);
    await expect(train({ conditioner })).rejects.toThrow(/2 condition .* for each of 16 images, got 31/);
  });
});
