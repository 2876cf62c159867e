import * as tf from '@tensorflow/tfjs';
import { DataError, type HostTensor } from '@vitvq/core';
import { filterLogits, Sampler } from '@vitvq/sampling';
import type { ImageTokens } from '@vitvq/transformers';
import { compareCase } from '../compare.js';
import type { Execute } from '../execute.js';
import type { Config, FixtureCase, LoadedCase, TensorEntry } from '../fixture.js';
import { tensorAdapter, type Adapter } from './adapter.js';
import { loadWeights } from './gradients.js';
import {
  integers,
  readGPT,
  readRQTransformer,
  toReferenceLogits,
  withoutKeys,
  type BuiltModel,
} from './stage2-models.js';

/**
 * What the reference's cached sampling gives differs from its own forward pass: it forgets the
 * previous token.
 */
const asIs = ['cached/logits', 'cached/codes'];

async function toHost(tensor: tf.Tensor): Promise<HostTensor> {
  return { shape: tensor.shape, data: ((await tensor.data()) as Float32Array | Int32Array).slice() };
}

/**
 * Tokens by greedy cached sampling and the logits they came from, and full-forward logits of the
 * case's other tokens.
 */
async function sampleCase({ model }: BuiltModel, fixture: LoadedCase, execute: Execute) {
  const { name, tensors } = fixture;
  const conditions = tensors.get('in/conds')!;
  const others = tensors.get('out/cached/codes');
  const sampler = new Sampler(model);
  const conds = tf.tensor2d(integers(tensors, 'in/conds', name), conditions.shape as [number, number], 'int32');
  try {
    const seeds = Array.from({ length: conditions.shape[0]! }, (_, image) => image);
    const { tokens, logits } = await sampler.sampleWithLogits({ conditions: conds, seeds, topK: 1 });
    const produced = new Map<string, HostTensor>([
      ['out/full/codes', await toHost(tokens)],
      ['out/full/logits', await toHost(toReferenceLogits(logits))],
    ]);
    tf.dispose([tokens, logits]);
    if (others) {
      const inputs = new Map([
        ['conds', conditions],
        ['codes', others],
      ]);
      const results = await execute(
        (given) => ({
          logits: toReferenceLogits(model.logits(given.conds as tf.Tensor2D, given.codes as ImageTokens)),
        }),
        inputs,
      );
      produced.set('out/cached/fullForwardLogits', results.get('logits')!);
    }
    return produced;
  } finally {
    conds.dispose();
    sampler.dispose();
  }
}

/** `GPT.sample`, `RQTransformer.sample`: greedy (`topK` 1). */
function samplingAdapter(read: (config: Config, where: string) => BuiltModel): Adapter {
  return async (fixture, execute) => {
    if (fixture.config.topK !== 1) {
      throw new DataError({
        where: fixture.name,
        expected: 'topK 1: other draws depend on random numbers',
        got: JSON.stringify(fixture.config.topK),
      });
    }
    const built = read(withoutKeys(fixture.config, 'batch', 'topK'), fixture.name);
    try {
      loadWeights(built.model, built.table, fixture);
      const produced = await sampleCase(built, fixture, execute);
      const outputs: Record<string, TensorEntry> = Object.fromEntries(
        Object.entries(fixture.outputs ?? {}).filter(([name]) => !asIs.includes(name)),
      );
      return {
        comparisons: compareCase({ ...fixture, outputs }, produced),
        notCompared: `${asIs.join(', ')} (the reference's cache loses the previous token, so that they differ from its own forward pass)`,
      };
    } finally {
      built.model.dispose();
    }
  };
}

export const gptSampling = samplingAdapter(readGPT);
export const rqTransformerSampling = samplingAdapter(readRQTransformer);

interface FilterCase extends FixtureCase {
  readonly combos?: readonly {
    readonly topK: number | null;
    readonly topP: number | null;
    readonly softmaxTemperature: number;
  }[];
}

/** Probabilities after temperature, top-k and top-p, and which tokens are left. */
export const samplingFilter = tensorAdapter(async (fixture, execute) => {
  const { combos = [] } = fixture as FilterCase;
  const inputs = new Map([['logits', fixture.tensors.get('in/logits')!]]);
  return execute(({ logits }) => {
    const results: Record<string, tf.Tensor> = {};
    for (const [index, { topK, topP, softmaxTemperature }] of combos.entries()) {
      const probabilities = filterLogits(logits as tf.Tensor2D, {
        temperature: softmaxTemperature,
        topK: topK ?? undefined,
        topP: topP ?? undefined,
      });
      results[`out/probs${index}`] = probabilities;
      const [yes, no] = [tf.onesLike(probabilities), tf.zerosLike(probabilities)];
      results[`out/kept${index}`] = tf.cast(tf.where(tf.greater(probabilities, 0), yes, no), 'int32');
    }
    return results;
  }, inputs);
});
