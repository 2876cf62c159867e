import * as tf from '@tensorflow/tfjs-core';
import { ShapeError, type AdversarialLoss } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { expectGradientsMatchFiniteDifferences } from './expect-gradients.js';
import { expectNoTensorLeak } from './expect-no-tensor-leak.js';
import { normalTensor } from './module-contract.js';
import './to-be-all-close.js';

/** Adversarial loss under test. */
export interface AdversarialLossContract {
  readonly name: string;
  readonly loss: AdversarialLoss;
}

/** Registers the tests that every `AdversarialLoss` must pass. */
export function testAdversarialLoss({ name, loss }: AdversarialLossContract): void {
  describe(`${name} keeps the contract of an adversarial loss`, () => {
    it('gives finite float32 scalars, also for large logits', () => {
      tf.tidy(() => {
        const logits = tf.tensor1d([-200, -1, 0, 1, 200]);
        for (const value of [loss.generator(logits), loss.discriminator(logits, logits)]) {
          expect(value.shape).toEqual([]);
          expect(value.dtype).toBe('float32');
          expect(value.dataSync()[0]).toBeLessThan(Infinity);
        }
      });
    });

    it('takes logits of any shape, real and generated ones of different shapes', () => {
      tf.tidy(() => {
        const fake = normalTensor([2, 3, 3, 1], 1);
        const real = normalTensor([4], 2);
        const flat = tf.reshape(fake, [18]);
        expect(loss.generator(fake)).toBeAllClose(loss.generator(flat));
        expect(loss.discriminator(real, fake)).toBeAllClose(loss.discriminator(real, flat));
      });
    });

    it('moves generated logits up for the generator, and apart for the discriminator', () => {
      tf.tidy(() => {
        const undecided = tf.tensor1d([-0.5, -0.2, -0.1]);
        for (const slope of tf
          .grad((fake) => loss.generator(fake))(undecided)
          .dataSync()) {
          expect(slope).toBeLessThan(0);
        }
        const [real, fake] = tf.grads((a: tf.Tensor, b: tf.Tensor) => loss.discriminator(a, b))([
          undecided,
          tf.clone(undecided),
        ]);
        for (const slope of real!.dataSync()) expect(slope).toBeLessThan(0);
        for (const slope of fake!.dataSync()) expect(slope).toBeGreaterThan(0);
      });
    });

    it('has the gradients of finite differences', () => {
      tf.tidy(() => {
        // No logit near 1 or -1, where a hinge has its kinks.
        const away = (seed: number): tf.Tensor => tf.add(tf.mul(tf.sign(normalTensor([3, 4, 1], seed)), 1.5), 0.2);
        expectGradientsMatchFiniteDifferences((fake) => loss.generator(fake), [away(1)]);
        expectGradientsMatchFiniteDifferences((real, fake) => loss.discriminator(real, fake), [away(2), away(3)]);
      });
    });

    it('refuses integers', () => {
      tf.tidy(() => {
        const [bytes, logits] = [tf.tensor1d([0, 1], 'int32'), tf.tensor1d([0, 1])];
        expect(() => loss.generator(bytes)).toThrow(ShapeError);
        expect(() => loss.discriminator(bytes, logits)).toThrow(ShapeError);
        expect(() => loss.discriminator(logits, bytes)).toThrow(ShapeError);
      });
    });

    it('leaves its input alone, and no tensors behind', () => {
      const logits = normalTensor([4], 1);
      expectNoTensorLeak(() => tf.dispose([loss.generator(logits), loss.discriminator(logits, logits)]));
      expect(logits.isDisposed).toBe(false);
      tf.dispose(logits);
    });
  });
}
