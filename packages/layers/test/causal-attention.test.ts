import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { ConfigError, randomKey, ShapeError } from '@vitvq/core';
import { normal, shake } from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import {
  attentionMask,
  CausalAttention,
  CausalBlock,
  CausalTransformer,
  rotaryPositions2D,
  type AttentionPart,
  type Remember,
} from '../src/index.js';

const options = { dim: 6, numHeads: 2, key: randomKey(4) } as const;

describe('CausalAttention', () => {
  it('mixes a token with the one before it, channel by channel', () => {
    // One head of one channel, nothing projected: attention is a mean, here over the token itself.
    const attention = new CausalAttention({ dim: 1, numHeads: 1, useAttentionBias: false, key: randomKey(0) });
    for (const [name, variable] of attention.namedVariables()) {
      variable.assign(tf.fill(variable.shape, name === 'timeMix' ? 0.25 : name.startsWith('query') ? 0 : 1));
    }
    const alone = tf.tensor2d([0, -1e9, -1e9, 0], [2, 2]);
    const { output } = attention.apply(tf.tensor3d([8, 4], [1, 2, 1]), alone);
    expect(output).toBeAllClose([[[0.25 * 8], [0.25 * 4 + 0.75 * 8]]]);
  });

  it('starts the mix at channel / (D - 1)', () => {
    expect(new CausalAttention(options).namedVariables().get('timeMix')!).toBeAllClose([0, 0.2, 0.4, 0.6, 0.8, 1]);
  });

  it.each([true, false])('gives the same token by token, time mixing %s', (useTimeMixing) => {
    const attention = shake(new CausalAttention({ ...options, useTimeMixing }));
    const x = normal<tf.Rank.R3>([2, 5, 6], 1);
    const { output } = attention.apply(x, attentionMask(5));
    const parts: AttentionPart[] = [];
    let before: tf.Tensor2D | undefined;
    for (let at = 0; at < 5; at++) {
      const token = tf.reshape<tf.Rank.R2>(tf.slice(x, [0, at, 0], [2, 1, 6]), [2, 6]);
      const step = attention.decodeStep(token, before, (keys, values) => {
        parts.push({ keys, values });
        return parts;
      });
      expect(step).toBeAllClose(tf.reshape(tf.slice(output, [0, at, 0], [2, 1, 6]), [2, 6]));
      before = token;
    }
  });

  it.each(['layer', 'rms'] as const)('rotates and normalises (%s) token by token as in a sequence', (queryKeyNorm) => {
    const attention = shake(new CausalAttention({ ...options, dim: 8, queryKeyNorm }));
    const { cos, sin } = rotaryPositions2D(4, [2, 2], 1);
    const rotation = { cos: tf.tensor2d(cos.data, [5, 4]), sin: tf.tensor2d(sin.data, [5, 4]) };
    const x = normal<tf.Rank.R3>([2, 5, 8], 1);
    const { output } = attention.apply(x, attentionMask(5), undefined, rotation);
    expect(output).not.toBeAllClose(attention.apply(x, attentionMask(5)).output, { atol: 1e-3 });
    const parts: AttentionPart[] = [];
    let before: tf.Tensor2D | undefined;
    for (let at = 0; at < 5; at++) {
      const token = tf.reshape<tf.Rank.R2>(tf.slice(x, [0, at, 0], [2, 1, 8]), [2, 8]);
      const remember: Remember = (keys, values) => {
        parts.push({ keys, values });
        return parts;
      };
      const turn = { cos: tf.gather(rotation.cos, at), sin: tf.gather(rotation.sin, at) };
      expect(attention.decodeStep(token, before, remember, turn)).toBeAllClose(
        tf.reshape(tf.slice(output, [0, at, 0], [2, 1, 8]), [2, 8]),
      );
      before = token;
    }
  });

  it('does not see the scale of queries and keys that are normalised', () => {
    const attention = shake(new CausalAttention({ ...options, useAttentionBias: false, queryKeyNorm: 'rms' }));
    const x = normal<tf.Rank.R3>([1, 3, 6], 1);
    const before = attention.apply(x, attentionMask(3)).output;
    for (const [name, variable] of attention.namedVariables()) {
      if (/^(query|key)\.weight$/.test(name)) variable.assign(tf.mul(variable, 10));
    }
    expect(attention.apply(x, attentionMask(3)).output).toBeAllClose(before, { atol: 1e-4 });
  });

  it('has the right gradients, for input and variables', () => {
    const attention = shake(new CausalAttention(options));
    expectGradientsMatchFiniteDifferences(
      (x) => attention.apply(x as tf.Tensor3D, attentionMask(4, 2)).output,
      [normal([2, 4, 6], 2)],
      { variables: attention.namedVariables(), elements: 12 },
    );
  });

  it('refuses heads that do not divide the width, and inputs of another width', () => {
    expect(() => new CausalAttention({ ...options, numHeads: 4 })).toThrow(ConfigError);
    expect(() => new CausalAttention(options).apply(tf.zeros([1, 2, 5]), attentionMask(2))).toThrow(ShapeError);
    expect(() => new CausalAttention(options).apply(tf.zeros([1, 2, 6]), attentionMask(3))).toThrow(ShapeError);
  });
});

describe('CausalBlock', () => {
  it.each(['squared-relu', 'gelu'] as const)('has the right gradients with %s', (activation) => {
    const block = shake(new CausalBlock({ ...options, activation, mlpDim: 10 }));
    expectGradientsMatchFiniteDifferences(
      (x) => block.apply(x as tf.Tensor3D, attentionMask(3)).output,
      [normal([1, 3, 6], 3)],
      { variables: block.namedVariables(), elements: 6, step: 0.005, atol: 1e-3 },
    );
  });

  it('computes exact GELU and squared ReLU', () => {
    const outputs = (['squared-relu', 'gelu'] as const).map((activation) => {
      const block = new CausalBlock({ dim: 2, numHeads: 1, mlpDim: 2, activation, key: randomKey(0) });
      for (const [name, variable] of block.namedVariables()) {
        if (name.startsWith('attention.')) variable.assign(tf.zerosLike(variable));
        if (name === 'hidden.weight' || name === 'output.weight') variable.assign(tf.eye(2));
      }
      // The norm makes [1, -1] of it, up to epsilon.
      return block.apply(tf.tensor3d([1, -1], [1, 1, 2]), attentionMask(1)).output;
    });
    expect(outputs[0]!).toBeAllClose([[[2, -1]]], { atol: 1e-4 });
    expect(outputs[1]!).toBeAllClose([[[1 + 0.8413447, -1 - 0.1586553]]], { atol: 1e-4 });
  });

  it.each([
    { norm: 'rms', feedForward: 'swiglu', queryKeyNorm: 'rms' },
    { norm: 'rms', queryKeyNorm: 'layer', activation: 'gelu' },
    { normPlacement: 'post', activation: 'gelu-tanh' },
  ] as const)('has the right gradients with %j', (choices) => {
    const block = shake(new CausalBlock({ ...options, dim: 8, mlpDim: 10, ...choices }));
    const { cos, sin } = rotaryPositions2D(4, [1, 3]);
    const rotation = { cos: tf.tensor2d(cos.data, [3, 4]), sin: tf.tensor2d(sin.data, [3, 4]) };
    expectGradientsMatchFiniteDifferences(
      (x) => block.apply(x as tf.Tensor3D, attentionMask(3), undefined, rotation).output,
      [normal([1, 3, 8], 3)],
      { variables: block.namedVariables(), elements: 6, step: 0.005, atol: 1e-3 },
    );
  });

  it('normalises what it adds, and reads x as it is, with norms after', () => {
    const block = new CausalBlock({
      ...{ dim: 2, numHeads: 1, mlpDim: 2, useTimeMixing: false },
      ...{ normPlacement: 'post', activation: 'relu', key: randomKey(0) },
    });
    const named = block.namedVariables();
    for (const name of ['attention.value', 'attention.output', 'hidden', 'output']) {
      named.get(`${name}.weight`)!.assign(tf.eye(2));
    }
    named.get('attentionNorm.scale')!.assign(tf.tensor1d([3, 1]));
    named.get('feedForwardNorm.bias')!.assign(tf.tensor1d([0.5, 0]));
    const x = tf.tensor3d([5, 1], [1, 1, 2]);
    const { output, normalized } = block.apply(x, attentionMask(1));
    expect(normalized).toBeAllClose(x, { atol: 0 });
    // x + x is [10, 2], normalised [1, -1], scaled [3, -1]; with its ReLU [6, -1], and so [1, -1].
    expect(output).toBeAllClose([[[1.5, -1]]], { atol: 1e-4 });
  });

  it.each(['pre', 'post'] as const)('gives the same token by token, and several at once: norms %s', (normPlacement) => {
    const block = shake(new CausalBlock({ ...options, useTimeMixing: false, normPlacement }));
    const x = normal<tf.Rank.R3>([2, 4, 6], 1);
    const { output } = block.apply(x, attentionMask(4));
    const parts: AttentionPart[] = [];
    for (let index = 0; index < 4; index++) {
      const token = tf.reshape<tf.Rank.R2>(tf.slice(x, [0, index, 0], [2, 1, 6]), [2, 6]);
      const step = block.decodeStep(token, undefined, (keys, values) => [...parts, { keys, values }]);
      const together = block.attend(tf.expandDims<tf.Tensor3D>(token, 1), (keys, values) => {
        parts.push({ keys, values });
        return parts;
      });
      const expected = tf.slice(output, [0, index, 0], [2, 1, 6]);
      expect(tf.expandDims(step.output, 1)).toBeAllClose(expected, { atol: 1e-5 });
      expect(together).toBeAllClose(expected, { atol: 1e-5 });
    }
  });

  it('gates the hidden layer with SwiGLU', () => {
    const block = new CausalBlock({ dim: 2, numHeads: 1, mlpDim: 2, feedForward: 'swiglu', key: randomKey(0) });
    for (const [name, variable] of block.namedVariables()) {
      if (name.startsWith('attention.')) variable.assign(tf.zerosLike(variable));
      if (/^(gate|hidden|output)\.weight$/.test(name)) variable.assign(tf.eye(2));
    }
    // The norm makes [1, -1] of it, up to epsilon; x silu(x) is then sigmoid(1) and sigmoid(-1).
    const { output } = block.apply(tf.tensor3d([1, -1], [1, 1, 2]), attentionMask(1));
    expect(output).toBeAllClose([[[1 + 0.7310586, -1 + 0.2689414]]], { atol: 1e-4 });
  });

  it('starts as an MLP does where it has the same weights', () => {
    const [plain, gated] = (['mlp', 'swiglu'] as const).map((feedForward) =>
      new CausalBlock({ ...options, mlpDim: 7, feedForward }).namedVariables(),
    );
    expect(gated!.get('hidden.weight')!).toBeAllClose(plain!.get('hidden.weight')!, { atol: 0 });
    expect(gated!.get('gate.weight')!).not.toBeAllClose(plain!.get('hidden.weight')!);
  });

  it('refuses kinds that it does not know, and an activation beside that of SwiGLU', () => {
    expect(() => new CausalBlock({ ...options, norm: 'batch' as 'rms' })).toThrow(
      'CausalBlock: expected a norm of layer, rms, got "batch"',
    );
    expect(() => new CausalAttention({ ...options, queryKeyNorm: 'l2' as 'rms' })).toThrow(
      'CausalAttention: expected a norm',
    );
    expect(() => new CausalBlock({ ...options, feedForward: 'moe' as 'mlp' })).toThrow(
      'CausalBlock: expected feedForward to be one of mlp, swiglu, got "moe"',
    );
    expect(() => new CausalBlock({ ...options, normPlacement: 'both' as 'post' })).toThrow(
      'CausalBlock: expected normPlacement to be one of pre, post, got "both"',
    );
    expect(() => new CausalBlock({ ...options, feedForward: 'swiglu', activation: 'silu' })).toThrow(
      'expected no activation with swiglu',
    );
  });

  it('leaves out biases where told to', () => {
    const names = [
      ...new CausalBlock({ ...options, useAttentionBias: false, useMlpBias: false }).namedVariables().keys(),
    ];
    expect(names.filter((name) => name.endsWith('.bias'))).toEqual(['attentionNorm.bias', 'feedForwardNorm.bias']);
  });

  it('refuses an activation that it does not know', () => {
    expect(() => new CausalBlock({ ...options, activation: 'swish' as 'gelu' })).toThrow(
      'CausalBlock: expected activation to be one of tanh, gelu,',
    );
  });
});

describe('CausalTransformer', () => {
  it.each(['pre', 'post'] as const)('has one norm more, where norms are %s', (normPlacement) => {
    const transformer = shake(new CausalTransformer({ ...options, depth: 2, normPlacement }));
    const x = normal<tf.Rank.R3>([2, 3, 6], 1);
    const { output, blocks } = transformer.apply(x, attentionMask(3));
    const norm = (of: tf.Tensor): tf.Tensor => transformer.norm.apply(of);
    const [first, last] = [blocks[0]!.output, blocks[1]!.output];
    expect(output).toBeAllClose(normPlacement === 'pre' ? norm(last) : last, { atol: 0 });
    const read = (normPlacement === 'pre' ? x : norm(x)) as tf.Tensor3D;
    expect(first).toBeAllClose(transformer.blocks[0]!.apply(read, attentionMask(3)).output, { atol: 0 });
    expect(transformer.begin(x)).toBeAllClose(read, { atol: 0 });
    expect(transformer.end(last)).toBeAllClose(output, { atol: 0 });
  });
});
