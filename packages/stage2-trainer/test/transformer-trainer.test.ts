import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { randomKey } from '@vitvq/core';
import { doctor, useEngine } from '@vitvq/engine';
import {
  brightnessTokenizer,
  classGPT,
  everywhere,
  grid,
  tinyCodeBatches,
  tinyCodes,
  tinyImageBatches,
  tinyTransformerTraining,
  vocabSize,
} from '@vitvq/test-models';
import { compilingEngines, expectNoTensorLeak } from '@vitvq/test-utils';
import { readTrainingLog, type StepReport } from '@vitvq/training';
import { RQTransformer, type AutoregressiveModel } from '@vitvq/transformers';
import {
  readTransformerTraining,
  readTransformerWeights,
  createTransformerTrainer,
  type TransformerLossInputs,
  type TransformerTrainerOptions,
} from '../src/index.js';
import { conditioner, train } from './train-tiny.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);
const fastest = { name: hasOnnx ? 'onnx' : 'cpu', threads: 2, onCompile: () => undefined } as const;
const compiling = await compilingEngines();

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-stage2-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

type Options = Partial<TransformerTrainerOptions>;

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values['loss']!);

async function weights(model: AutoregressiveModel): Promise<number[][]> {
  return Promise.all([...model.namedVariables().values()].map(async (weight) => [...(await weight.data())]));
}

function rq(): RQTransformer {
  const stack = { depth: 1, numHeads: 2 };
  const size = { dim: 16, mlpDim: 32, codeDepth: 2, spatial: stack, depth: stack };
  return new RQTransformer({ vocabSize, grid, conditionVocabSize: 4, ...size, key: randomKey(3) });
}

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

describe.each(['cpu', ...(hasOnnx ? (['onnx'] as const) : [])] as const)('on the engine %s', (engine) => {
  beforeAll(async () => {
    await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it('stopped and resumed, goes on with the same numbers bit for bit, with dropout and EMA', async () => {
    const config = tinyTransformerTraining({ conditionDropRate: 0.3, ema: { decay: 0.9 }, accumulate: 2 });
    const straight = await train({ config });
    const first = await train({ config, directory }, { stopAfter: 3 });
    const second = await train({ config, directory }, { restore: true });
    expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
    expect(await weights(second.model)).toEqual(await weights(straight.model));
  });

  it('leaves no tensors behind', async () => {
    const model = classGPT({ dropout: everywhere });
    const config = tinyTransformerTraining({ duration: { steps: 2 }, ema: { decay: 0.9 }, accumulate: 2 });
    const options: Options = {
      model,
      config,
      tokenizer: brightnessTokenizer(),
      openBatches: (startAt) => tinyImageBatches(startAt * 3),
      evaluation: { openBatches: () => [tinyCodes(0)] },
      preview: { steps: [1], count: 2, guidanceScale: 2 },
    };
    await expectNoTensorLeak(async () => {
      await train(options);
    });
    model.dispose();
  });
});

describe('createTransformerTrainer', () => {
  for (const { name, isHere } of compiling) {
    it.skipIf(!isHere)(`takes the same steps on ${name} and eagerly`, async () => {
      const eager = await train();
      await useEngine({ name, threads: 2, onCompile: () => undefined });
      const compiled = await train();
      await useEngine({ name: 'cpu' });
      expect(losses(compiled.reports)).toBeAllClose(losses(eager.reports), { rtol: 1e-4 });
    });
  }

  it('learns a rule that the frequencies of the codes do not show', async () => {
    await useEngine(fastest);
    const model = classGPT();
    const trainer = createTransformerTrainer({
      model,
      conditioner,
      config: tinyTransformerTraining({ duration: { steps: 150 }, ema: { decay: 0.9 } }),
      openBatches: (startAt) => tinyCodeBatches(startAt, 16),
      evaluation: { openBatches: () => [tinyCodes(1000, 16), tinyCodes(1001, 16)] },
    });
    const { evaluation } = await trainer.run();
    trainer.dispose();
    await useEngine({ name: 'cpu' });
    const { natsPerToken, unigramNatsPerToken, bitsPerToken, perplexity, count } = evaluation!;
    expect(count).toBe(32);
    expect(unigramNatsPerToken).toBeGreaterThan(1.4);
    // Only the first of six codes cannot be known: ln(6) / 6 = 0.30.
    expect(natsPerToken).toBeLessThan(0.5);
    expect(bitsPerToken).toBeCloseTo(natsPerToken / Math.LN2, 10);
    expect(perplexity).toBeCloseTo(Math.exp(natsPerToken), 10);
  });

  it('trains an RQTransformer on two levels', async () => {
    await useEngine(fastest);
    const { reports } = await train({
      model: rq(),
      config: tinyTransformerTraining({ duration: { steps: 60 } }),
      openBatches: (startAt) => tinyCodeBatches(startAt, 8, 2),
    });
    await useEngine({ name: 'cpu' });
    expect(losses(reports).at(-1)).toBeLessThan(0.7 * losses(reports)[0]!);
  });

  it('accumulates to the gradient of the whole batch, the same conditions dropped', async () => {
    const model = classGPT();
    const config = tinyTransformerTraining({
      conditionDropRate: 0.4,
      optimizer: { kind: 'adafactor', beta1: 0.9, beta2: 0.96, weightDecay: 0 },
    });
    const whole = await train({ model: classGPT(), config });
    const parts = await train({ model, config: { ...config, accumulate: 4 } });
    expect(losses(parts.reports)).toBeAllClose(losses(whole.reports), { rtol: 1e-5 });
    // The exact gradient of key biases is zero; the optimizer makes steps of its rounding errors.
    const names = [...model.namedVariables().keys()];
    const [first, second] = [await weights(parts.model), await weights(whole.model)].map((values) =>
      values.filter((_, index) => !names[index]!.endsWith('key.bias')).flat(),
    );
    expect(first).toBeAllClose(second!, { rtol: 1e-4, atol: 1e-5 });
  });

  it('drops something else in every step, and nothing else in another run', async () => {
    const still = tinyTransformerTraining({
      learningRate: { peak: 1e-12, end: 1e-12, warmup: 0 },
      duration: { steps: 3 },
    });
    const openBatches: Options['openBatches'] = () => ({
      next: () => Promise.resolve(tinyCodes(0)),
      close: () => undefined,
    });
    const { reports } = await train({ config: still, openBatches });
    expect(new Set(losses(reports)).size).toBe(3);
    expect(losses((await train({ config: still, openBatches })).reports)).toEqual(losses(reports));
    const conditionsOnly = { model: classGPT(), openBatches, config: { ...still, conditionDropRate: 0.5 } };
    expect(new Set(losses((await train(conditionsOnly)).reports)).size).toBe(3);
    const another = await train({ config: { ...still, seed: 5 }, openBatches });
    expect(losses(another.reports)[0]).not.toBe(losses(reports)[0]);
  });

  it('encodes images with the frozen tokenizer, and leaves padding out of evaluations', async () => {
    const tokenizer = brightnessTokenizer();
    const codes = await encoded(0);
    const images = await train({ tokenizer, openBatches: () => repeated() });
    const same = await train({ openBatches: () => ({ next: () => Promise.resolve(codes), close: () => undefined }) });
    expect(losses(images.reports)).toEqual(losses(same.reports));

    const trainer = createTransformerTrainer({
      model: classGPT(),
      tokenizer,
      conditioner,
      config: tinyTransformerTraining({ duration: { steps: 1 } }),
      openBatches: () => repeated(),
      evaluation: {
        openBatches: async function* () {
          const source = tinyImageBatches(0);
          for (let index = 0; index < 3; index++) yield await source.next();
        },
      },
    });
    const { evaluation } = await trainer.run();
    trainer.dispose();
    expect(evaluation!.count).toBe(10);
  });

  it('previews at samples that do not change while the model does not', async () => {
    const trainer = createTransformerTrainer({
      model: classGPT(),
      tokenizer: brightnessTokenizer(),
      conditioner,
      config: tinyTransformerTraining({ duration: { steps: 2 }, learningRate: { peak: 1e-12, end: 1e-12, warmup: 0 } }),
      openBatches: (startAt) => tinyCodeBatches(startAt),
      preview: { steps: [0, 2], conditions: conditioner.encode([0, 1, 2]), temperature: 0.8, topK: 3 },
    });
    const previews: { tokens: Int32Array; shape: readonly number[]; pixels: number }[] = [];
    trainer.on('preview', ({ tokens, tokensShape, images }) =>
      previews.push({ tokens, shape: tokensShape, pixels: images!.data.length }),
    );
    await trainer.run();
    trainer.dispose();
    expect(previews).toHaveLength(2);
    expect(previews[0]!.shape).toEqual([3, 6]);
    expect(previews[0]!.pixels).toBe(3 * 4 * 6 * 3);
    expect(previews[1]!.tokens).toEqual(previews[0]!.tokens);
  });

  it("logs, evaluates and resumes a loss term of the caller's", async () => {
    const small = {
      weight: 0.25,
      compute: ({ logits }: TransformerLossInputs): tf.Scalar => tf.mean(tf.square(logits)),
    };
    const evaluation = { openBatches: () => [tinyCodes(1000)] };
    const straight = await train({ losses: { small }, evaluation });
    const first = await train({ losses: { small }, evaluation, directory }, { stopAfter: 3 });
    await expect(train({ directory }, { restore: true })).rejects.toThrow('losses.small 0.25 instead of nothing');
    const second = await train({ losses: { small }, evaluation, directory }, { restore: true });
    expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
    for (const { values } of straight.reports) {
      expect(values['loss']).toBeCloseTo(values['crossEntropy']! + 0.25 * values['small']!, 5);
    }
    const last = (await readTrainingLog(directory)).at(-1)!;
    expect(last.event).toBe('evaluate');
    expect(last['small']).toBeGreaterThan(0);
  });

  it('keeps what is needed to use the model without the trainer', async () => {
    const config = tinyTransformerTraining({ ema: { decay: 0.5 } });
    const { model } = await train({ config, directory, modelConfig: { size: 'tiny' } });
    const state = await readTransformerTraining(directory);
    expect(state.step).toBe(6);
    expect(state.config.optimizer).toMatchObject({ kind: 'adamw', decay: 'linear-weights' });
    expect(state.modelConfig).toEqual({ size: 'tiny' });
    expect(state.conditioner).toEqual({ kind: 'class', classCount: 3 });
    const [last, average] = [
      await readTransformerWeights(directory, { which: 'last' }),
      await readTransformerWeights(directory),
    ];
    expect([...last.values()].map(({ data }) => [...data])).toEqual(await weights(model));
    expect(average.get('head.weight')).not.toEqual(last.get('head.weight'));
    classGPT().loadVariables(average);
  });
});

/** The first images again and again. */
function repeated(): ReturnType<typeof tinyImageBatches> {
  const source = tinyImageBatches(0);
  return { ...source, next: () => tinyImageBatches(0).next() };
}

/** Batch number n of the images as codes. */
async function encoded(position: number) {
  const { images, shape, ...facts } = await tinyImageBatches(position).next();
  const tokens = tf.tidy(() =>
    brightnessTokenizer().encode(tf.tensor4d(images, shape as [number, number, number, number])),
  );
  const values = Int32Array.from(tokens.dataSync());
  tokens.dispose();
  return { tokens: values, shape: tokens.shape, ...facts };
}
