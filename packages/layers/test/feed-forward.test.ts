import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey } from '@vitvq/core';
import { FeedForward, type Activation } from '../src/index.js';
import { describe, expect, it } from 'vitest';
import { normal, shake } from './helpers.js';

/** Values at -1.5 and 0.7, from the definitions in double precision. */
const values: Record<Activation, [number, number]> = {
  tanh: [-0.9051482536448664, 0.6043677771171636],
  gelu: [-0.10021080265, 0.5306254433],
  'gelu-tanh': [-0.10042842, 0.53057129],
  relu: [0, 0.7],
  'squared-relu': [0, 0.49],
  silu: [-0.27363829, 0.46773091],
};

/** One hidden unit that is fed x and passed on as it is. */
function identityFeedForward(activation: Activation): FeedForward {
  const feedForward = new FeedForward({ dim: 1, mlpDim: 1, activation, key: randomKey(0) });
  for (const [name, variable] of feedForward.namedVariables()) {
    variable.assign(tf.fill(variable.shape, name.endsWith('weight') ? 1 : 0));
  }
  return feedForward;
}

describe('FeedForward', () => {
  it.each(Object.entries(values))('applies %s', (activation, expected) => {
    const feedForward = identityFeedForward(activation as Activation);
    const y = feedForward.apply(tf.tensor2d([-1.5, 0.7], [2, 1]));
    expect(y).toBeAllClose([[expected[0]], [expected[1]]], { atol: 2e-6 });
    feedForward.dispose();
  });

  it.each(Object.keys(values))('has the right gradients with %s', (activation) => {
    const feedForward = new FeedForward({ dim: 3, mlpDim: 5, activation: activation as Activation, key: randomKey(0) });
    shake(feedForward);
    // A small step, for the kink of relu.
    expectGradientsMatchFiniteDifferences((x) => feedForward.apply(x), [normal([2, 3, 3], 6)], {
      variables: feedForward.namedVariables(),
      step: 1e-3,
      rtol: 3e-3,
      atol: 1e-3,
    });
    feedForward.dispose();
  });

  it('uses tanh unless told otherwise', () => {
    const feedForward = new FeedForward({ dim: 3, mlpDim: 5, key: randomKey(0) });
    expect(feedForward.activation).toBe('tanh');
    expect([...feedForward.namedVariables()].map(([name, { shape }]) => [name, shape])).toEqual([
      ['hidden.weight', [3, 5]],
      ['hidden.bias', [5]],
      ['output.weight', [5, 3]],
      ['output.bias', [3]],
    ]);
    feedForward.dispose();
  });

  it('refuses an unknown activation', () => {
    const create = (): FeedForward =>
      new FeedForward({ dim: 3, mlpDim: 5, activation: 'swish' as Activation, key: randomKey(0) });
    expect(create).toThrow(ConfigError);
    expect(create).toThrow(
      'FeedForward: expected activation to be one of tanh, gelu, gelu-tanh, relu, squared-relu, silu, got "swish".',
    );
  });

  it('leaves no tensors behind', () => {
    const feedForward = new FeedForward({ dim: 3, mlpDim: 5, activation: 'gelu', key: randomKey(0) });
    const x = normal([2, 3], 5);
    expectNoTensorLeak(() => {
      const { value, grads } = tf.variableGrads(() => tf.sum(feedForward.apply(x)));
      tf.dispose([value, grads]);
    });
    tf.dispose(x);
    feedForward.dispose();
  });
});
