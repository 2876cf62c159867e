import * as tf from '@tensorflow/tfjs';
import { randomKey, type Module } from '@vitvq/core';
import { compile, useEngine } from '@vitvq/engine';
import { compilingEngines, type CompilingEngine } from '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossEntropy } from '@vitvq/losses';
import { drawDropoutMasks, type DropoutMasks } from '@vitvq/layers';
import { Sampler, verifySampler, type SampleOptions } from '../src/index.js';
import type { AutoregressiveModel, ImageTokens } from '@vitvq/transformers';
import { imageTokens, tinyGPT, tinyRAR, tinyRQ, tokensOf } from '@vitvq/test-models';

await useEngine({ name: 'cpu' });

const dropout = { residual: 0.2, activation: 0.1, attention: 0.3 };

const modern = {
  positions: 'rotary',
  norm: 'rms',
  feedForward: 'swiglu',
  queryKeyNorm: 'rms',
  useTimeMixing: false,
} as const;

const models: [string, AutoregressiveModel & Module, number[]][] = [
  ['GPT', tinyGPT({ dropout }), [2, 12]],
  ['GPT of modern blocks', tinyGPT({ dropout, ...modern, rotaryConditions: 'zero' }), [2, 12]],
  ['RAR', tinyRAR({ dropout }), [2, 12]],
  ['RQTransformer', tinyRQ({ dropout, positions: 'grid' }), [2, 12, 3]],
];

const cases = (await compilingEngines()).flatMap((engine) => models.map((model) => ({ engine, model })));
for (const { engine, model } of cases) {
  describe.skipIf(!engine.isHere)(`${model[0]} on the engine ${engine.name}`, () => {
    testModel(engine, model);
  });
}

function testModel({ name: engine }: CompilingEngine, [, model, shape]: (typeof models)[number]): void {
  const tokens = imageTokens(tokensOf([...shape], 11, 2));
  const conditions = tokensOf<tf.Rank.R2>([2, model.conditionLength], 5, 1);

  beforeAll(async () => {
    await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it.each(['frozen', 'live'] as const)('samples what the plain one samples, weights %s', async (weights) => {
    const unknown = tf.fill([1, ...shape.slice(1)], -1, 'int32');
    const first: tf.Tensor = tf.slice(tokens, 0, 1);
    const given = imageTokens(tf.concat([first, unknown], 0));
    const guidance = { scale: 2, unconditional: tf.zeros<tf.Rank.R2>([2, model.conditionLength], 'int32') };
    const requests: SampleOptions[] = [
      { conditions, seeds: [1, 2] },
      { conditions, seeds: [1, 2], topK: 5, topP: 0.9, temperature: 0.8, guidance, given },
    ];
    for (const request of requests) {
      const sample = async (): Promise<number[]> => {
        const sampler = new Sampler(model, { lengths: [8], weights });
        const sampled = await sampler.sample(request);
        const values = [...(await sampled.data())];
        sampler.dispose();
        return values;
      };
      const compiled = await sample();
      await useEngine({ name: 'cpu' });
      const eager = await sample();
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
      expect(compiled).toEqual(eager);
    }
  });

  it('passes the verification', async () => {
    expect(await verifySampler(model, { sampler: { lengths: [4, 8] } })).toMatchObject({ passed: true });
  });

  it('says where logits are not numbers', async () => {
    const head = model.namedVariables().get('head.weight')!;
    const original = tf.clone(head);
    head.assign(tf.fill(head.shape, NaN));
    const sampler = new Sampler(model);
    await expect(sampler.sample({ conditions, seeds: [1, 2], topK: 3 })).rejects.toThrow(
      /NaN for position 0 of image 0/,
    );
    head.assign(original);
    (await sampler.sample({ conditions, seeds: [1, 2], topK: 3 })).dispose();
    sampler.dispose();
    original.dispose();
  });

  it.each([0, 5, 10])('says so where the logit of token %i alone is not a number', async (token) => {
    const head = model.namedVariables().get('head.weight')!;
    const original = tf.clone(head);
    const [width, vocabSize] = head.shape as [number, number];
    const column = tf.tensor2d(
      Array.from({ length: vocabSize }, (_, index) => (index === token ? NaN : 0)),
      [1, vocabSize],
    );
    head.assign(tf.add(original, tf.tile(column, [width, 1])));
    for (const filters of [{ topK: 3 }, { topP: 0.5 }]) {
      const sampler = new Sampler(model);
      await expect(sampler.sample({ conditions, seeds: [1, 2], ...filters })).rejects.toThrow(
        /NaN for position 0 of image 0/,
      );
      sampler.dispose();
    }
    head.assign(original);
    original.dispose();
  });

  it('notices weights that have changed', async () => {
    const sampler = new Sampler(model);
    const head = model.namedVariables().get('head.weight')!;
    const original = tf.clone(head);
    const before = [...(await (await sampler.sample({ conditions, seeds: [1, 2], topK: 1 })).data())];
    tf.tidy(() => head.assign(tf.neg(head)));
    const after = [...(await (await sampler.sample({ conditions, seeds: [1, 2], topK: 1 })).data())];
    head.assign(original);
    expect(after).not.toEqual(before);
    expect([...(await (await sampler.sample({ conditions, seeds: [1, 2], topK: 1 })).data())]).toEqual(before);
    sampler.dispose();
  });

  it('has the gradients of the plain one, dropout included', async () => {
    const variables = [...model.namedTrainableVariables()];
    const gradients = (given: tf.Tensor2D, image: ImageTokens, dropoutMasks: DropoutMasks): tf.Tensor[] => {
      const loss = (): tf.Scalar => crossEntropy(model.logits(given, image, { dropoutMasks }), image);
      const { value, grads } = tf.variableGrads(
        loss,
        variables.map(([, variable]) => variable),
      );
      return [value, ...variables.map(([, variable]) => grads[variable.name]!)];
    };
    const masks = drawDropoutMasks(randomKey(1), model.dropoutSites(2));
    const eager = tf.tidy(() => gradients(conditions, tokens, masks)).map((gradient) => gradient.dataSync());
    const step = compile(gradients);
    const compiled = await step(conditions, tokens, masks);
    for (const [index, gradient] of compiled.entries()) {
      expect(tf.tensor(await gradient.data())).toBeAllClose(tf.tensor(eager[index]!), { atol: 2e-5 });
    }
    tf.dispose(compiled);
    step.dispose();
  });
}
