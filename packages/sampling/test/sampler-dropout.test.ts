import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey } from '@vitvq/core';
import { doctor, useEngine } from '@vitvq/engine';
import { createTransformerTrainer } from '@vitvq/stage2-trainer';
import { classGPT, everywhere, grid, tinyCodeBatches, tinyTransformerTraining, vocabSize } from '@vitvq/test-models';
import { ClassConditioner, GPT, RQTransformer, type AutoregressiveModel } from '@vitvq/transformers';
import { Sampler, verifySampler } from '../src/index.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);
const conditioner = new ClassConditioner({ classCount: 3 });

function rq(dropout: typeof everywhere): RQTransformer {
  const stack = { depth: 1, numHeads: 2 };
  const size = { dim: 16, mlpDim: 32, codeDepth: 2, spatial: stack, depth: stack };
  return new RQTransformer({ vocabSize, grid, conditionVocabSize: 4, ...size, dropout, key: randomKey(3) });
}

/** The same weights in a model that drops nothing. */
function withoutDropout(model: GPT | RQTransformer): GPT | RQTransformer {
  const dropout = { residual: 0, activation: 0, attention: 0 };
  const options = { dropout, key: randomKey(0) };
  const plain =
    model instanceof GPT
      ? new GPT({ ...model.config, ...options })
      : new RQTransformer({ ...model.config, ...options });
  const weights = [...model.namedVariables()].map(
    ([name, variable]) => [name, { shape: variable.shape, data: Float32Array.from(variable.dataSync()) }] as const,
  );
  plain.loadVariables(new Map(weights));
  return plain;
}

const models: [string, () => GPT | RQTransformer, number][] = [
  ['GPT', () => classGPT({ dropout: everywhere }), 1],
  ['RQTransformer', () => rq(everywhere), 2],
];

describe.each(['cpu', ...(hasOnnx ? (['onnx'] as const) : [])] as const)('on the engine %s', (engine) => {
  beforeAll(async () => {
    await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it.each(models)('a %s that is being trained with dropout is sampled without', async (_, create, codeDepth) => {
    const model = create();
    // What was compiled before a training step must not be what it was compiled with then.
    const sampler = new Sampler(model);
    const sample = async (from: Sampler): Promise<number[]> => {
      const conditions = tf.tensor2d([[0], [2]], [2, 1], 'int32');
      const tokens = await from.sample({ conditions, seeds: [5, 6] });
      const values = [...(await tokens.data())];
      tf.dispose([conditions, tokens]);
      return values;
    };
    const expectSampled = async (): Promise<void> => {
      const plain: AutoregressiveModel = withoutDropout(model);
      const other = new Sampler(plain);
      const sampled = await sample(sampler);
      expect(sampled).toEqual(await sample(other));
      expect(await sample(sampler)).toEqual(sampled);
      other.dispose();
    };
    await expectSampled();
    const trainer = createTransformerTrainer({
      model,
      conditioner,
      config: tinyTransformerTraining({ duration: { steps: 4 }, learningRate: { peak: 0.05, end: 0.05, warmup: 0 } }),
      openBatches: (startAt) => tinyCodeBatches(startAt, 8, codeDepth),
      preview: { steps: [2, 4], count: 2, conditions: conditioner.encode([0, 2]), seed: 5 },
      tensorBoard: false,
    });
    const looks: number[][] = [];
    trainer.on('preview', ({ tokens }) => looks.push([...tokens]));
    await trainer.run();
    trainer.dispose();
    await expectSampled();
    // In the middle of the training, by a sampler of its own.
    expect(looks.at(-1)).toEqual(await sample(sampler));
    expect(looks[0]).not.toEqual(looks[1]);
    expect(await verifySampler(model)).toMatchObject({ passed: true });
    sampler.dispose();
  });
});
