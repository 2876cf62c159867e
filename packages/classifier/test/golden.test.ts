import '@vitvq/test-utils';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type { HostTensor } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { createClassifier, type Pool, type ViTClassifierConfig } from '../src/index.js';

interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** Values of golden/vit.py, which says what each field is. */
interface Golden {
  readonly config: ViTClassifierConfig & { readonly imageSize: number };
  readonly cases: readonly {
    readonly pool: Pool;
    readonly images: number[];
    readonly cotangent: number[];
    readonly weights: Readonly<Record<string, Values>>;
    readonly logits: number[];
    readonly gradients: Readonly<Record<string, number[]>>;
  }[];
}

const { config, cases } = JSON.parse(readFileSync(new URL('golden/vit.json', import.meta.url), 'utf8')) as Golden;
const shape: [number, number, number, number] = [2, config.imageSize, config.imageSize, 3];

const parts: readonly (readonly [string, string])[] = [
  ['attentionNorm.scale', 'ln_1.weight'],
  ['attentionNorm.bias', 'ln_1.bias'],
  ['attention.qkv.weight', 'self_attention.in_proj_weight'],
  ['attention.output.weight', 'self_attention.out_proj.weight'],
  ['attention.output.bias', 'self_attention.out_proj.bias'],
  ['feedForwardNorm.scale', 'ln_2.weight'],
  ['feedForwardNorm.bias', 'ln_2.bias'],
  ['feedForward.hidden.weight', 'mlp.0.weight'],
  ['feedForward.hidden.bias', 'mlp.0.bias'],
  ['feedForward.output.weight', 'mlp.3.weight'],
  ['feedForward.output.bias', 'mlp.3.bias'],
];

/** Names of torchvision's weights by ours. */
const names = new Map([
  ['classToken', 'class_token'],
  ['positions', 'encoder.pos_embedding'],
  ['patchEmbedding.weight', 'conv_proj.weight'],
  ['patchEmbedding.bias', 'conv_proj.bias'],
  ...Array.from({ length: config.depth }, (_, index) =>
    parts.map(
      ([ours, theirs]) =>
        [`transformer.blocks.${index}.${ours}`, `encoder.layers.encoder_layer_${index}.${theirs}`] as const,
    ),
  ).flat(),
  ['transformer.norm.scale', 'encoder.ln.weight'],
  ['transformer.norm.bias', 'encoder.ln.bias'],
  ['head.weight', 'heads.head.weight'],
  ['head.bias', 'heads.head.bias'],
]);

/** Returns their values in our layout. */
function ours(name: string, data: readonly number[], theirs: readonly number[]): tf.Tensor {
  const tensor = tf.tensor([...data], [...theirs]);
  if (name === 'patchEmbedding.weight') {
    return tf.reshape(tf.transpose(tensor, [2, 3, 1, 0]), [-1, theirs[0]!]);
  }
  if (name === 'classToken' || name === 'positions') return tf.reshape(tensor, [-1, theirs[2]!]);
  return name.endsWith('.weight') ? tf.transpose(tensor) : tensor;
}

describe('a ViTClassifier gives what the VisionTransformer of torchvision gives', () => {
  it.each(cases)('with the pool $pool', ({ pool, images, cotangent, weights, logits, gradients }) => {
    const classifier = createClassifier({ ...config, pool }, { seed: 0 });
    const variables = [...classifier.namedVariables()];
    expect(variables.map(([name]) => names.get(name)).sort()).toEqual(Object.keys(weights).sort());
    const host = (name: string): HostTensor => {
      const theirs = weights[names.get(name)!]!;
      const tensor = ours(name, theirs.data, theirs.shape);
      return { shape: tensor.shape, data: tensor.dataSync<'float32'>() };
    };
    classifier.loadVariables(new Map(variables.map(([name]) => [name, host(name)])));
    const x = tf.tensor4d(images, shape);
    const target = tf.tensor2d(cotangent, [2, config.classes]);
    expect(classifier.logits(x)).toBeAllClose(tf.tensor2d(logits, [2, config.classes]), { rtol: 1e-4, atol: 1e-4 });
    const { grads } = tf
      .engine()
      .gradients(
        () => tf.sum<tf.Scalar>(tf.mul(classifier.logits(x), target)),
        [x, ...variables.map(([, variable]) => variable)],
      );
    expect(grads[0]!).toBeAllClose(tf.tensor4d(gradients['images']!, shape), { rtol: 1e-3, atol: 1e-3 });
    variables.forEach(([name], index) => {
      const theirs = names.get(name)!;
      const expected = ours(name, gradients[theirs]!, weights[theirs]!.shape);
      expect(grads[index + 1]!, name).toBeAllClose(expected, { rtol: 1e-3, atol: 1e-3 });
    });
    classifier.dispose();
  });
});
