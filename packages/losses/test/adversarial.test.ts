import * as tf from '@tensorflow/tfjs';
import type { AdversarialLoss } from '@vitvq/core';
import { randomKey, randomNormal, ShapeError } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak, testAdversarialLoss } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  adaptiveWeight,
  binaryCrossEntropyLoss,
  hingeAdversarialLoss,
  leastSquaresAdversarialLoss,
  leCamPenalty,
  nextLeCamAnchor,
  nonSaturatingAdversarialLoss,
  vanillaAdversarialLoss,
} from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const noise = (seed: number, ...shape: number[]): tf.Tensor =>
  tf.tensor(
    randomNormal(
      randomKey(seed),
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );
const softplus = (x: number): number => Math.log(1 + Math.exp(x));

/** Of fake logits 0.5 and -3, real logits 2 and -1. */
const byHand: Record<string, { loss: AdversarialLoss; generator: number; discriminator: number }> = {
  hingeAdversarialLoss: { loss: hingeAdversarialLoss, generator: 1.25, discriminator: (1.5 / 2 + 2 / 2) / 2 },
  vanillaAdversarialLoss: {
    loss: vanillaAdversarialLoss,
    generator: (softplus(-0.5) + softplus(3)) / 2,
    discriminator: (softplus(-2) + softplus(1) + softplus(0.5) + softplus(-3)) / 4,
  },
  nonSaturatingAdversarialLoss: {
    loss: nonSaturatingAdversarialLoss,
    generator: (softplus(-0.5) + softplus(3)) / 2,
    discriminator: (softplus(-2) + softplus(1) + softplus(0.5) + softplus(-3)) / 2,
  },
  leastSquaresAdversarialLoss: {
    loss: leastSquaresAdversarialLoss,
    generator: (0.25 + 9) / 2,
    discriminator: ((1 + 4) / 2 + (2.25 + 4) / 2) / 2,
  },
};

describe.each(Object.entries(byHand))('%s', (name, { loss, generator, discriminator }) => {
  testAdversarialLoss({ name, loss });

  it('has the values computed by hand', () => {
    const fake = tf.tensor1d([0.5, -3]);
    const real = tf.tensor1d([2, -1]);
    expect(loss.generator(fake)).toBeAllClose(generator);
    expect(loss.discriminator(real, fake)).toBeAllClose(discriminator);
    expect(loss.generator(fake).shape).toEqual([]);
    expect(loss.discriminator(real, fake).shape).toEqual([]);
  });

  it('refuses integers', () => {
    const bytes = tf.tensor1d([0, 1], 'int32');
    expect(() => loss.generator(bytes)).toThrow(ShapeError);
    expect(() => loss.generator(bytes)).toThrow(`${name}.generator: expected fake to be float32, got int32 [2].`);
    expect(() => loss.discriminator(bytes, noise(1, 2))).toThrow(
      `${name}.discriminator: expected real to be float32, got int32 [2].`,
    );
  });
});

describe('binaryCrossEntropyLoss', () => {
  it('is the cross-entropy of the sigmoid', () => {
    const logits = [-1.5, 0, 2];
    const target = [0, 1, 0.25];
    const expected = logits.map((logit, index) => {
      const p = 1 / (1 + Math.exp(-logit));
      return -(target[index]! * Math.log(p) + (1 - target[index]!) * Math.log(1 - p)) / 3;
    });
    const value = binaryCrossEntropyLoss(tf.tensor1d(logits), tf.tensor1d(target));
    expect(value).toBeAllClose(expected[0]! + expected[1]! + expected[2]!);
  });

  it('has the gradient sigmoid(logits) - target, also at 0', () => {
    const target = tf.tensor1d([1, 0.5, 0]);
    const gradient = tf.grad((logits) => binaryCrossEntropyLoss(logits, target))(tf.tensor1d([0, 0, 0]));
    expect(gradient).toBeAllClose([-0.5 / 3, 0, 0.5 / 3]);
    expectGradientsMatchFiniteDifferences(
      (logits) => binaryCrossEntropyLoss(logits, tf.sigmoid(noise(2, 2, 3))),
      [noise(1, 2, 3)],
    );
  });

  it('stays finite for large logits and refuses other shapes', () => {
    expect(binaryCrossEntropyLoss(tf.tensor1d([300, -300]), tf.tensor1d([0, 0]))).toBeAllClose(150);
    expect(() => binaryCrossEntropyLoss(noise(1, 2, 3), noise(1, 3))).toThrow(
      'binaryCrossEntropyLoss: expected shape [2, 3], got [3]. target must have the shape of logits.',
    );
  });
});

describe('leCamPenalty', () => {
  const anchors = (real: number, fake: number): { real: tf.Scalar; fake: tf.Scalar } => ({
    real: tf.scalar(real),
    fake: tf.scalar(fake),
  });

  it('punishes real logits above the anchor of generated ones and the reverse', () => {
    const penalty = leCamPenalty(tf.tensor1d([2, -3]), tf.tensor1d([-1, 4]), anchors(1, -0.5));
    expect(penalty).toBeAllClose((2.5 * 2.5 + 0) / 2 + (2 * 2 + 0) / 2);
  });

  it('has the gradients of finite differences, none towards the anchors', () => {
    const [real, fake] = [tf.tensor1d([2, -3]), tf.tensor1d([-1, 4])];
    expectGradientsMatchFiniteDifferences((a, b) => leCamPenalty(a, b, anchors(1, -0.5)), [real, fake]);
    const anchor = tf.variable(tf.scalar(1));
    const { grads } = tf
      .engine()
      .gradients(() => leCamPenalty(real, fake, { real: anchor, fake: anchor }), [anchor], undefined, true);
    expect(grads[0]).toBeUndefined();
  });

  it('moves anchors by the mean of the logits', () => {
    expect(nextLeCamAnchor(tf.scalar(2), tf.tensor2d([[1, 3, 8]]), { decay: 0.75 })).toBeAllClose(2.5);
    expect(nextLeCamAnchor(tf.scalar(2), tf.tensor1d([4]))).toBeAllClose(2.02);
  });

  it('refuses what does not fit', () => {
    expect(() =>
      leCamPenalty(noise(1, 2), noise(1, 2), { ...anchors(0, 0), real: tf.zeros<tf.Rank.R0>([2] as never) }),
    ).toThrow('leCamPenalty, anchors.real: expected shape [], got [2].');
    expect(() => nextLeCamAnchor(tf.scalar(0), noise(1, 2), { decay: 1.5 })).toThrow(
      'nextLeCamAnchor: expected decay to be a finite number within [0, 1], got 1.5.',
    );
  });

  it('leaves no tensors behind', () => {
    const logits = noise(1, 4);
    const kept = anchors(0.5, -0.5);
    expectNoTensorLeak(() => tf.dispose([leCamPenalty(logits, logits, kept), nextLeCamAnchor(kept.real, logits)]));
  });
});

describe('adaptiveWeight', () => {
  it('is the ratio of the norms', () => {
    const weight = adaptiveWeight(tf.tensor2d([[3, 4]]), tf.tensor2d([[0, 2]]), { epsilon: 0.5 });
    expect(weight).toBeAllClose(2);
    expect(weight.shape).toEqual([]);
  });

  it('is capped where the adversarial gradient vanishes', () => {
    expect(adaptiveWeight(tf.tensor1d([3]), tf.tensor1d([0]))).toBeAllClose(1e4);
    expect(adaptiveWeight(tf.tensor1d([0]), tf.tensor1d([0]))).toBeAllClose(0);
    expect(adaptiveWeight(tf.tensor1d([3]), tf.tensor1d([0]), { maximum: 7 })).toBeAllClose(7);
  });

  it('makes the two losses equally strong at the last layer and carries no gradient', () => {
    const last = tf.variable<tf.Rank.R2>(noise(1, 3, 2) as tf.Tensor2D);
    const x = noise(2, 5, 3) as tf.Tensor2D;
    const output = (): tf.Tensor => tf.matMul(x, last);
    const gradient = (loss: () => tf.Scalar): tf.Tensor => tf.engine().gradients(loss, [last]).grads[0]!;
    const a = gradient(() => tf.mean(tf.square(output())));
    const b = gradient(() => tf.mul(tf.mean<tf.Scalar>(output()), 0.01));
    const weight = adaptiveWeight(a, b, { epsilon: 0 });
    expect(tf.norm(tf.mul(b, weight))).toBeAllClose(tf.norm(a));
    const { grads } = tf.engine().gradients(() => adaptiveWeight(last, last), [last], undefined, true);
    expect(grads[0]).toBeUndefined();
  });

  it('refuses gradients of different weights and a negative epsilon', () => {
    expect(() => adaptiveWeight(noise(1, 2), noise(1, 3))).toThrow('adversarialGradient must have the shape of');
    expect(() => adaptiveWeight(noise(1, 2), noise(1, 2), { epsilon: -1 })).toThrow(
      'adaptiveWeight: expected epsilon to be a finite number at least 0, got -1.',
    );
  });
});
