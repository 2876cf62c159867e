import * as tf from '@tensorflow/tfjs-core';
import { ShapeError, type Discriminator } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { expectNoTensorLeak } from './expect-no-tensor-leak.js';
import {
  expectDisposal,
  expectGradientOfEachVariable,
  expectStableNames,
  moveVariables,
  normalTensor,
  withModule,
} from './module-contract.js';
import './to-be-all-close.js';

/** Discriminator under test. */
export interface DiscriminatorContract {
  readonly name: string;
  /** Creates a new discriminator; the same one every time. */
  readonly create: () => Discriminator;
  /** `[B, H, W, C]` of images that the discriminator takes. */
  readonly imageShape: readonly [number, number, number, number];
  /** Names of the variables, in order: checkpoints depend on them. */
  readonly variableNames: readonly string[];
}

/** Registers the tests that every `Discriminator` must pass. */
export function testDiscriminator({ name, create, imageShape, variableNames }: DiscriminatorContract): void {
  const [batch, height, width, channels] = imageShape;
  const images = (seed = 1): tf.Tensor4D => normalTensor<tf.Tensor4D>(imageShape, seed);
  const evaluation = { training: false };
  /** One number that depends on every logit. */
  const project = (logits: tf.Tensor): tf.Scalar => tf.sum(tf.mul(logits, normalTensor(logits.shape, 2)));
  const steepness = (discriminator: Discriminator): tf.Scalar => {
    const gradient = tf.grad((x) => project(discriminator.logits(x as tf.Tensor4D)))(images());
    return tf.sum(tf.square(gradient));
  };

  describe(`${name} keeps the contract of a discriminator`, () => {
    it('names its variables, the same way every time', () => {
      expectStableNames(create, variableNames);
    });

    it('gives finite float32 logits for each image, the same ones every time', () => {
      withModule(create, (first) =>
        withModule(create, (second) => {
          const logits = first.logits(images());
          expect(logits.shape[0]).toBe(batch);
          expect(logits.dtype).toBe('float32');
          expect([...logits.dataSync()].every(Number.isFinite)).toBe(true);
          expect([...second.logits(images()).dataSync()]).toEqual([...logits.dataSync()]);
          if (first.imageSize) expect(first.imageSize).toEqual([height, width]);
        }),
      );
    });

    it('has a gradient of each trainable variable and of the images', () => {
      withModule(create, (discriminator) => {
        moveVariables(discriminator);
        expectGradientOfEachVariable(discriminator, () => project(discriminator.logits(images())));
        const gradient = tf.grad((x) => project(discriminator.logits(x as tf.Tensor4D)))(images());
        expect([...gradient.dataSync()].some((value) => value !== 0)).toBe(true);
      });
    });

    it('has gradients of second order, as R1 needs them', () => {
      withModule(create, (discriminator) => {
        moveVariables(discriminator);
        const variables = discriminator.trainableVariables();
        const { grads } = tf.engine().gradients(() => steepness(discriminator), variables, undefined, true);
        const values = grads.flatMap((gradient: tf.Tensor | null) => (gradient ? [...gradient.dataSync()] : []));
        expect(values.every(Number.isFinite)).toBe(true);
        expect(values.some((value) => value !== 0)).toBe(true);
      });
    });

    it('changes nothing outside of training', () => {
      withModule(create, (discriminator) => {
        discriminator.logits(images());
        const values = (): number[][] =>
          [...discriminator.namedVariables().values()].map((variable) => [...variable.dataSync()]);
        const before = values();
        discriminator.logits(images(3), evaluation);
        expect(values()).toEqual(before);
        const alone = discriminator.logits(images(), evaluation);
        expect(discriminator.logits(images(), evaluation)).toBeAllClose(alone, { rtol: 0, atol: 0 });
      });
    });

    it('leaves its input alone', () => {
      withModule(create, (discriminator) => {
        const x = images();
        discriminator.logits(x);
        expect(x.isDisposed).toBe(false);
        expect(x).toBeAllClose(images(), { rtol: 0, atol: 0 });
      });
    });

    it.each([
      ['other channels', [batch, height, width, channels + 1]],
      ['a missing axis', [height, width, channels]],
    ])('refuses images with %s', (_problem, shape) => {
      withModule(create, (discriminator) => {
        expect(() => discriminator.logits(tf.zeros<tf.Rank>(shape) as tf.Tensor4D)).toThrow(ShapeError);
      });
    });

    it('says of images whose channels come first what to do', () => {
      withModule(create, (discriminator) => {
        const channelsFirst = tf.zeros<tf.Rank.R4>([batch, channels, height, width]);
        expect(() => discriminator.logits(channelsFirst)).toThrow('transpose them to [B, H, W, C].');
      });
    });

    it('leaves no tensors behind when its results are disposed of', () => {
      const discriminator = create();
      const x = images();
      expectNoTensorLeak(() => {
        tf.dispose([discriminator.logits(x), discriminator.logits(x, evaluation)]);
      });
      expectNoTensorLeak(() => {
        tf.dispose(tf.variableGrads(() => tf.sum(discriminator.logits(x)), discriminator.trainableVariables()));
      });
      tf.dispose(x);
      discriminator.dispose();
    });

    it('frees its variables, once', () => {
      expectDisposal(create);
    });
  });
}
