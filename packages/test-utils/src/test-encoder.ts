import * as tf from '@tensorflow/tfjs-core';
import { ShapeError, type Encoder } from '@vitvq/core';
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

/** Encoder under test. */
export interface EncoderContract {
  readonly name: string;
  /** Creates a new encoder; the same one every time. */
  readonly create: () => Encoder;
  /** `[B, H, W, C]` of images that the encoder takes; B is at least 2. */
  readonly imageShape: readonly [number, number, number, number];
  /** Names of the variables, in order: checkpoints depend on them. */
  readonly variableNames: readonly string[];
}

/** Registers the tests that every `Encoder` must pass. */
export function testEncoder({ name, create, imageShape, variableNames }: EncoderContract): void {
  const [batch, height, width, channels] = imageShape;
  const images = (): tf.Tensor4D => normalTensor<tf.Tensor4D>(imageShape, 1);

  describe(`${name} keeps the contract of an encoder`, () => {
    it('names its variables, the same way every time', () => {
      expectStableNames(create, variableNames);
    });

    it('gives a finite token for each place of its grid, the same ones every time', () => {
      withModule(create, (first) =>
        withModule(create, (second) => {
          const tokens = first.encode(images());
          expect(tokens.shape).toEqual([batch, first.grid[0] * first.grid[1], first.dim]);
          expect(tokens.dtype).toBe('float32');
          expect([...tokens.dataSync()].every(Number.isFinite)).toBe(true);
          expect([...second.encode(images()).dataSync()]).toEqual([...tokens.dataSync()]);
          if (first.imageSize) expect(first.imageSize).toEqual([height, width]);
        }),
      );
    });

    it('encodes each image by itself', () => {
      withModule(create, (encoder) => {
        const tokens = encoder.encode(images());
        tf.split<tf.Tensor4D>(images(), batch).forEach((image, index) => {
          expect(encoder.encode(image)).toBeAllClose(tf.slice(tokens, index, 1), { rtol: 1e-4, atol: 1e-5 });
        });
      });
    });

    it('has features by name, the last of which is what encode returns', () => {
      withModule(create, (encoder) => {
        if (!encoder.features) {
          expect(encoder.featureNames).toBeUndefined();
          return;
        }
        const features = encoder.features(images());
        expect(Object.keys(features)).toEqual(encoder.featureNames);
        for (const feature of Object.values(features))
          expect(feature.shape).toEqual([batch, expect.any(Number), expect.any(Number)]);
        expect(Object.values(features).at(-1)).toBeAllClose(encoder.encode(images()), { rtol: 0, atol: 0 });
      });
    });

    it('has a gradient of each trainable variable', () => {
      withModule(create, (encoder) => {
        moveVariables(encoder);
        const tokens = encoder.encode(images());
        const weights = normalTensor(tokens.shape, 2);
        expectGradientOfEachVariable(encoder, () => tf.sum(tf.mul(encoder.encode(images()), weights)));
      });
    });

    it.each([
      ['other channels', [batch, height, width, channels + 1]],
      ['a missing axis', [height, width, channels]],
      ['another size', [batch, height + 1, width, channels]],
    ])('refuses images with %s', (_problem, shape) => {
      withModule(create, (encoder) => {
        expect(() => encoder.encode(tf.zeros<tf.Rank>(shape) as tf.Tensor4D)).toThrow(ShapeError);
      });
    });

    it('leaves its input alone, and no tensors behind', () => {
      const encoder = create();
      const x = images();
      expectNoTensorLeak(() => {
        tf.dispose([encoder.encode(x), encoder.features?.(x) ?? {}]);
      });
      expectNoTensorLeak(() => {
        tf.dispose(tf.variableGrads(() => tf.sum(encoder.encode(x)), encoder.trainableVariables()));
      });
      expect(x.isDisposed).toBe(false);
      tf.dispose(x);
      encoder.dispose();
    });

    it('frees its variables, once', () => {
      expectDisposal(create);
    });
  });
}
