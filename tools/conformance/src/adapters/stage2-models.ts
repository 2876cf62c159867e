import * as tf from '@tensorflow/tfjs';
import { DataError, randomKey, type Module, type ReferenceWeight } from '@vitvq/core';
import { crossEntropy } from '@vitvq/losses';
import {
  GPT,
  gptReferenceWeights,
  RQTransformer,
  rqTransformerReferenceWeights,
  type AutoregressiveModel,
} from '@vitvq/transformers';
import { ConfigReader } from '../config.js';
import type { Config } from '../fixture.js';
import { tensorAdapter, type Adapter } from './adapter.js';
import { loadWeights, runModule } from './gradients.js';

/** A model, and the table of its weights. */
export interface BuiltModel {
  readonly model: AutoregressiveModel & Module;
  readonly table: readonly ReferenceWeight[];
}

/** What both transformers of the reference are told; the grid of positions is not known to it. */
function readCommon(reader: ConfigReader) {
  return {
    vocabSize: reader.number('vocabImgSize'),
    grid: [1, reader.number('imgNumTokens')],
    conditionVocabSize: reader.number('vocabCondSize'),
    conditionLength: reader.number('condNumTokens'),
    dim: reader.number('embedDim'),
    useAttentionBias: reader.boolean('attnBias', true),
    useMlpBias: reader.boolean('mlpBias', true),
    key: randomKey(0),
  } as const;
}

/** The reference's `GPT` from its configuration. */
export function readGPT(config: Config, where: string): BuiltModel {
  const reader = new ConfigReader(config, where);
  const options = { ...readCommon(reader), numHeads: reader.number('nHeads'), depth: reader.number('nLayers') };
  reader.finish();
  return { model: new GPT(options), table: gptReferenceWeights(options) };
}

/** The reference's `RQTransformer` from its configuration. */
export function readRQTransformer(config: Config, where: string): BuiltModel {
  const reader = new ConfigReader(config, where);
  const options = {
    ...readCommon(reader),
    codeDepth: reader.number('depthNumTokens'),
    spatial: { numHeads: reader.number('spatialNHeads'), depth: reader.number('spatialNLayers') },
    depth: { numHeads: reader.number('depthNHeads'), depth: reader.number('depthNLayers') },
  };
  reader.finish();
  return { model: new RQTransformer(options), table: rqTransformerReferenceWeights(options) };
}

/** Takes what is no part of the model out of a configuration. */
export function withoutKeys({ ...config }: Config, ...names: string[]): Config {
  return Object.fromEntries(Object.entries(config).filter(([name]) => !names.includes(name)));
}

/**
 * Residual tokens `[B, N, L]` and what belongs to them have positions and images in one axis in the
 * reference.
 */
export function toReferenceLogits(logits: tf.Tensor): tf.Tensor {
  if (logits.rank !== 4) return logits;
  const [batch, positions, levels, vocabSize] = logits.shape as [number, number, number, number];
  return tf.reshape(logits, [batch * positions, levels, vocabSize]);
}

/** `GPT` and `RQTransformer`: ce = mean cross-entropy of all tokens. */
function modelAdapter(read: (config: Config, where: string) => BuiltModel): Adapter {
  return tensorAdapter(async (fixture, execute) => {
    const { model, table } = read(withoutKeys(fixture.config, 'batch'), fixture.name);
    try {
      loadWeights(model, table, fixture);
      return await runModule(
        {
          module: model,
          table,
          inputs: ['codes', 'conds'],
          outputs: ({ codes, conds }) => {
            const logits = model.logits(conds as tf.Tensor2D, codes as tf.Tensor2D);
            return { logits: toReferenceLogits(logits), crossEntropy: crossEntropy(logits, codes!) };
          },
          scalars: (_, { crossEntropy: ce }) => ({ ce: ce! }),
        },
        fixture,
        execute,
      );
    } finally {
      model.dispose();
    }
  });
}

export const gpt = modelAdapter(readGPT);
export const rqTransformer = modelAdapter(readRQTransformer);

/** Integer inputs of a case. @throws {DataError} */
export function integers(
  tensors: ReadonlyMap<string, { readonly data: unknown }>,
  name: string,
  where: string,
): Int32Array {
  const data = tensors.get(name)?.data;
  if (data instanceof Int32Array) return data;
  throw new DataError({ where, expected: `integers named ${name}`, got: data === undefined ? 'none' : 'others' });
}
