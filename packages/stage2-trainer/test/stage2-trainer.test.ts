import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, DataError, randomKey } from '@vitvq/core';
import { doctor, useEngine } from '@vitvq/engine';
import {
  brightnessTokenizer,
  classGPT,
  everywhere,
  grid,
  tinyCodeBatches,
  tinyCodes,
  tinyImageBatches,
  tinyStage2Plan,
  vocabSize,
} from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import type { StepReport } from '@vitvq/training';
import { ClassConditioner, RQTransformer, Unconditional, type AutoregressiveModel } from '@vitvq/transformers';
import {
  createStage2Gradients,
  readStage2State,
  readTransformerWeights,
  Stage2Evaluator,
  Stage2Trainer,
  VIM_TRAINING,
  stage2LearningRateAt,
  type Stage2Plan,
  type Stage2TrainerOptions,
} from '../src/index.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);
const fastest = { name: hasOnnx ? 'onnx' : 'cpu', threads: 2, onCompile: () => undefined } as const;
const conditioner = new ClassConditioner({ classCount: 3 });

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-stage2-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

type Options = Partial<Stage2TrainerOptions>;

/** Trains, and says what the steps were; with `restore`, goes on with what the directory holds. */
async function train(
  options: Options = {},
  { restore = false, stopAfter = Infinity } = {},
): Promise<{ reports: StepReport[]; model: AutoregressiveModel }> {
  const model = options.model ?? classGPT({ dropout: everywhere });
  const trainer = new Stage2Trainer({
    model,
    plan: tinyStage2Plan(),
    conditioner,
    openBatches: (startAt) => tinyCodeBatches(startAt),
    tensorBoard: false,
    ...options,
  });
  if (restore) await trainer.restore(options.directory!);
  const stop = new AbortController();
  const reports: StepReport[] = [];
  trainer.on('step', (report) => {
    reports.push(report);
    if (report.step === stopAfter) stop.abort();
  });
  try {
    await trainer.run({ signal: stop.signal });
  } finally {
    trainer.dispose();
  }
  return { reports, model };
}

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values['loss']!);

async function weights(model: AutoregressiveModel): Promise<number[][]> {
  return Promise.all([...model.namedVariables().values()].map(async (weight) => [...(await weight.data())]));
}

function rq(): RQTransformer {
  const stack = { depth: 1, numHeads: 2 };
  const size = { dim: 16, mlpDim: 32, levels: 2, spatial: stack, depth: stack };
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

  it('stopped and resumed, goes on with the same numbers bit for bit, with dropout and averages', async () => {
    const plan = tinyStage2Plan({ conditionDropRate: 0.3, movingAverage: { decay: 0.9 }, accumulate: 2 });
    const straight = await train({ plan });
    const first = await train({ plan, directory }, { stopAfter: 3 });
    const second = await train({ plan, directory }, { restore: true });
    expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
    expect(await weights(second.model)).toEqual(await weights(straight.model));
  });

  it('leaves no tensors behind', async () => {
    const model = classGPT({ dropout: everywhere });
    const plan = tinyStage2Plan({ duration: { steps: 2 }, movingAverage: { decay: 0.9 }, accumulate: 2 });
    const options: Options = {
      model,
      plan,
      tokenizer: brightnessTokenizer(),
      openBatches: (startAt) => tinyImageBatches(startAt * 3),
      evaluation: { openBatches: () => [tinyCodes(0)] },
      look: { steps: [1], count: 2, guidanceScale: 2 },
    };
    await expectNoTensorLeak(async () => {
      await train(options);
    });
    model.dispose();
  });
});

describe('Stage2Trainer', () => {
  it.skipIf(!hasOnnx)('takes the same steps compiled and eagerly', async () => {
    const eager = await train();
    await useEngine({ name: 'onnx', threads: 2, onCompile: () => undefined });
    const compiled = await train();
    await useEngine({ name: 'cpu' });
    expect(losses(compiled.reports)).toBeAllClose(losses(eager.reports), { rtol: 1e-4 });
  });

  it('learns a rule that the frequencies of the codes do not show', async () => {
    await useEngine(fastest);
    const model = classGPT();
    const trainer = new Stage2Trainer({
      model,
      conditioner,
      plan: tinyStage2Plan({ duration: { steps: 150 }, movingAverage: { decay: 0.9 } }),
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
      plan: tinyStage2Plan({ duration: { steps: 60 } }),
      openBatches: (startAt) => tinyCodeBatches(startAt, 8, 2),
    });
    await useEngine({ name: 'cpu' });
    expect(losses(reports).at(-1)).toBeLessThan(0.7 * losses(reports)[0]!);
  });

  it('accumulates to the gradient of the whole batch, the same conditions dropped', async () => {
    const model = classGPT();
    const plan = tinyStage2Plan({
      conditionDropRate: 0.4,
      optimizer: { kind: 'adafactor', beta1: 0.9, beta2: 0.96, weightDecay: 0 },
    });
    const whole = await train({ model: classGPT(), plan });
    const parts = await train({ model, plan: { ...plan, accumulate: 4 } });
    expect(losses(parts.reports)).toBeAllClose(losses(whole.reports), { rtol: 1e-5 });
    // The exact gradient of key biases is zero; the optimizer makes steps of its rounding errors.
    const names = [...model.namedVariables().keys()];
    const [first, second] = [await weights(parts.model), await weights(whole.model)].map((values) =>
      values.filter((_, index) => !names[index]!.endsWith('key.bias')).flat(),
    );
    expect(first).toBeAllClose(second!, { rtol: 1e-4, atol: 1e-5 });
  });

  it('drops something else in every step, and nothing else in another run', async () => {
    const still = tinyStage2Plan({ learningRate: { peak: 1e-12, end: 1e-12, warmup: 0 }, duration: { steps: 3 } });
    const openBatches: Options['openBatches'] = () => ({
      next: () => Promise.resolve(tinyCodes(0)),
      close: () => undefined,
    });
    const { reports } = await train({ plan: still, openBatches });
    expect(new Set(losses(reports)).size).toBe(3);
    expect(losses((await train({ plan: still, openBatches })).reports)).toEqual(losses(reports));
    const conditionsOnly = { model: classGPT(), openBatches, plan: { ...still, conditionDropRate: 0.5 } };
    expect(new Set(losses((await train(conditionsOnly)).reports)).size).toBe(3);
    const another = await train({ plan: { ...still, seed: 5 }, openBatches });
    expect(losses(another.reports)[0]).not.toBe(losses(reports)[0]);
  });

  it('encodes images with the frozen tokenizer, and leaves padding out of evaluations', async () => {
    const tokenizer = brightnessTokenizer();
    const codes = await encoded(0);
    const images = await train({ tokenizer, openBatches: () => repeated() });
    const same = await train({ openBatches: () => ({ next: () => Promise.resolve(codes), close: () => undefined }) });
    expect(losses(images.reports)).toEqual(losses(same.reports));

    const trainer = new Stage2Trainer({
      model: classGPT(),
      tokenizer,
      conditioner,
      plan: tinyStage2Plan({ duration: { steps: 1 } }),
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

  it('looks at samples that do not change while the model does not', async () => {
    const trainer = new Stage2Trainer({
      model: classGPT(),
      tokenizer: brightnessTokenizer(),
      conditioner,
      plan: tinyStage2Plan({ duration: { steps: 2 }, learningRate: { peak: 1e-12, end: 1e-12, warmup: 0 } }),
      openBatches: (startAt) => tinyCodeBatches(startAt),
      look: { steps: [0, 2], conditions: conditioner.encode([0, 1, 2]), temperature: 0.8, topK: 3 },
    });
    const looks: { tokens: Int32Array; shape: readonly number[]; pixels: number }[] = [];
    trainer.on('look', ({ tokens, tokensShape, images }) =>
      looks.push({ tokens, shape: tokensShape, pixels: images!.data.length }),
    );
    await trainer.run();
    trainer.dispose();
    expect(looks).toHaveLength(2);
    expect(looks[0]!.shape).toEqual([3, 6]);
    expect(looks[0]!.pixels).toBe(3 * 4 * 6 * 3);
    expect(looks[1]!.tokens).toEqual(looks[0]!.tokens);
  });

  it('keeps what is needed to use the model without the trainer', async () => {
    const plan = tinyStage2Plan({ movingAverage: { decay: 0.5 } });
    const { model } = await train({ plan, directory, configuration: { size: 'tiny' } });
    const state = await readStage2State(directory);
    expect(state.step).toBe(6);
    expect(state.plan.optimizer).toMatchObject({ kind: 'adamw', decay: 'linear-weights' });
    expect(state.configuration).toEqual({ size: 'tiny' });
    expect(state.conditioner).toEqual({ kind: 'class', classCount: 3 });
    const [last, average] = [
      await readTransformerWeights(directory, { which: 'last' }),
      await readTransformerWeights(directory),
    ];
    expect([...last.values()].map(({ data }) => [...data])).toEqual(await weights(model));
    expect(average.get('head.weight')).not.toEqual(last.get('head.weight'));
    classGPT().loadVariables(average);
  });

  it('has the schedule of the paper', () => {
    const rate = stage2LearningRateAt(VIM_TRAINING.learningRate);
    const at = (step: number): number => rate(step / 450_000);
    expect(at(2_500)).toBeCloseTo(2.25e-4, 10);
    expect(at(5_000)).toBeCloseTo(4.5e-4, 10);
    expect(at(79_000)).toBeCloseTo(4.5e-4, 10);
    expect(at(265_000)).toBeCloseTo(Math.sqrt(4.5e-4 * 1e-5), 10);
    expect(at(450_000)).toBeCloseTo(1e-5, 10);
  });
});

describe('bad input', () => {
  const create = (options: Options): Stage2Trainer =>
    new Stage2Trainer({
      model: classGPT(),
      plan: tinyStage2Plan(),
      conditioner,
      openBatches: (startAt) => tinyCodeBatches(startAt),
      ...options,
    });

  it.each([
    ['vocabulary', { tokenizer: brightnessTokenizer({ codes: 7 }) }, /7 codes for a vocabulary of 6/],
    ['grid', { tokenizer: brightnessTokenizer({ size: [3, 2] }) }, /a grid of 3x2 for one of 2x3/],
    [
      'number of levels',
      { tokenizer: brightnessTokenizer({ levels: 2 }) },
      /2 code\(s\) a position for 1.*RQTransformer/,
    ],
    ['lack of a conditioner', { conditioner: undefined }, /1 condition tokens for conditionVocabSize 4/],
    ['conditioner of fewer classes', { conditioner: new ClassConditioner({ classCount: 2 }) }, /3 condition tokens/],
    [
      'conditioner',
      { conditioner: new ClassConditioner({ classCount: 4 }) },
      /5 condition tokens.*conditionVocabSize 4/,
    ],
    ['condition length', { model: classGPT({ conditionLength: 2 }) }, /1 condition token\(s\) for conditionLength 2/],
    ['look', { look: { count: 3, conditions: new Int32Array(2) } }, /look.conditions: expected tokens \[3, 1\], got 2/],
  ] as [string, Options, RegExp][])('refuses a %s that does not fit', (_, options, message) => {
    expect(() => create(options)).toThrow(message);
    expect(() => create(options)).toThrow(ConfigError);
  });

  it('refuses to evaluate with what does not fit', () => {
    const model = classGPT();
    for (const [parts, message] of [
      [
        { conditioner, tokenizer: brightnessTokenizer({ codes: 7 }) },
        /Stage2Evaluator: .*7 codes for a vocabulary of 6/,
      ],
      [{ conditioner, tokenizer: brightnessTokenizer({ size: [3, 2] }) }, /a grid of 3x2 for one of 2x3/],
      [{ conditioner: new ClassConditioner({ classCount: 4 }) }, /Stage2Evaluator: .*5 condition tokens/],
    ] as const) {
      expect(() => new Stage2Evaluator({ model, ...parts })).toThrow(message);
      expect(() => new Stage2Evaluator({ model, ...parts })).toThrow(ConfigError);
    }
  });

  it('refuses every problem of a plan at once', () => {
    const plan = { ...tinyStage2Plan(), clipNorm: -1, conditionDropRate: 1, surprise: true };
    expect(() => create({ plan })).toThrow(/3 problems: .*clipNorm.*conditionDropRate.*surprise/);
    const exponential = { peak: 1, end: 0, warmup: 0.5, exponentialFrom: 0.1 };
    expect(() => create({ plan: tinyStage2Plan({ learningRate: exponential }) })).toThrow(/exponentialFrom.*warm-up/);
    const optimizer = { ...tinyStage2Plan().optimizer, kind: 'sgd' as 'adam' } as Stage2Plan['optimizer'];
    expect(() => create({ plan: tinyStage2Plan({ optimizer }) })).toThrow(
      /optimizer.kind is "sgd".*"adamw"\|"adam"\|"adafactor"/,
    );
  });

  it.each([
    [
      'levels',
      { tokenizer: { ...brightnessTokenizer({ levels: 2 }), codeDepth: undefined }, openBatches: () => repeated() },
      ConfigError,
      /tokens \[4, 6\].*got \[4, 6, 2\]/,
    ],
    ['images without a tokenizer', { openBatches: () => repeated() }, ConfigError, /a tokenizer for batches of images/],
    [
      'a class',
      { openBatches: () => once({ labels: Int32Array.of(0, 3) }) },
      DataError,
      /classes to be integers in \[0, 3\), got 3 at \[1\]/,
    ],
    [
      'tokens that are not there',
      { openBatches: () => once({ tokens: new Int32Array(11) }) },
      ConfigError,
      /12 tokens.*got 11/,
    ],
    ['no classes', { openBatches: () => once({ labels: undefined }) }, DataError, /batches with labels/],
    [
      'a token',
      { openBatches: () => once({ tokens: new Int32Array(12).fill(6) }) },
      DataError,
      /tokens to be integers in \[0, 6\), got 6/,
    ],
    [
      'more tokens than positions',
      { openBatches: () => once({ tokens: new Int32Array(14), shape: [2, 7] }) },
      ConfigError,
      /tokens \[2, 6\].*got \[2, 7\]/,
    ],
    [
      'conditions of another length',
      { openBatches: () => once({ conditions: new Int32Array(3) }) },
      ConfigError,
      /condition tokens for each of 2 images/,
    ],
    [
      'a batch that cannot be divided',
      { plan: tinyStage2Plan({ accumulate: 3 }) },
      ConfigError,
      /divided into 3 equal parts, got 8/,
    ],
  ] as [string, Options, new (...facts: never[]) => Error, RegExp][])(
    'refuses %s in a batch',
    async (_, options, kind, message) => {
      const trainer = create(options);
      const before = tf.memory().numTensors;
      const failure = await trainer.run().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(kind);
      expect((failure as Error).message).toMatch(message);
      expect(tf.memory().numTensors).toBe(before);
      trainer.dispose();
    },
  );

  it('refuses to go on as something else', async () => {
    await train({ directory }, { stopAfter: 2 });
    const unconditional = create({
      directory,
      model: classGPT({ conditionVocabSize: 1 }),
      conditioner: new Unconditional(),
    });
    await expect(unconditional.restore(directory)).rejects.toThrow(
      /conditioner.kind "class" instead of "unconditional"/,
    );
    const longer = create({ directory, plan: tinyStage2Plan({ clipNorm: 2 }) });
    await expect(longer.restore(directory)).rejects.toThrow(/plan.clipNorm 1 instead of 2/);
  });
});

describe('createStage2Gradients', () => {
  it('has a gradient for every variable', () => {
    const model = classGPT();
    const { tokens, shape } = tinyCodes(0);
    const result = createStage2Gradients(model)(
      tf.zeros<tf.Rank.R2>([8, 1], 'int32'),
      tf.tensor2d(tokens, shape as [number, number], 'int32'),
    );
    expect([...result.gradients.keys()]).toEqual([...model.namedVariables().keys()]);
    expect(result.values['loss']!.dataSync()[0]).toBeCloseTo(Math.log(vocabSize), 1);
  });
});

/** The first images again and again. */
function repeated(): ReturnType<typeof tinyImageBatches> {
  const source = tinyImageBatches(0);
  return { ...source, next: () => tinyImageBatches(0).next() };
}

function once(changes: object): ReturnType<typeof tinyCodeBatches> {
  const batch = { tokens: new Int32Array(12), shape: [2, 6], labels: Int32Array.of(0, 1), ...changes };
  return { next: () => Promise.resolve(batch), close: () => undefined };
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
