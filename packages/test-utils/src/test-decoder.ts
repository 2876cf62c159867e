import * as tf from '@tensorflow/tfjs-core';
import { ShapeError, type Decoder } from '@vitvq/core';
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

/** Decoder under test. */
export interface DecoderContract {
  readonly name: string;
  /** Creates a new decoder; the same one every time. */
  readonly create: () => Decoder;
  /** `[H, W, C]` of the images that the decoder makes. */
  readonly imageShape: readonly [number, number, number];
  /** Names of the variables, in order: checkpoints depend on them. */
  readonly variableNames: readonly string[];
}

/** Registers the tests that every `Decoder` must pass. */
export function testDecoder({ name, create, imageShape, variableNames }: DecoderContract): void {
  const batch = 2;
  const tokensFor = ({ grid, dim }: Decoder): tf.Tensor3D =>
    normalTensor<tf.Tensor3D>([batch, grid[0] * grid[1], dim], 1);

  describe(`${name} keeps the contract of a decoder`, () => {
    it('names its variables, the same way every time', () => {
      expectStableNames(create, variableNames);
    });

    it('gives finite images, the same ones every time', () => {
      withModule(create, (first) =>
        withModule(create, (second) => {
          const images = first.decode(tokensFor(first));
          expect(images.shape).toEqual([batch, ...imageShape]);
          expect(images.dtype).toBe('float32');
          expect([...images.dataSync()].every(Number.isFinite)).toBe(true);
          expect([...second.decode(tokensFor(second)).dataSync()]).toEqual([...images.dataSync()]);
        }),
      );
    });

    it('decodes each image by itself', () => {
      withModule(create, (decoder) => {
        const images = decoder.decode(tokensFor(decoder));
        tf.split<tf.Tensor3D>(tokensFor(decoder), batch).forEach((tokens, index) => {
          expect(decoder.decode(tokens)).toBeAllClose(tf.slice(images, index, 1), { rtol: 1e-4, atol: 1e-5 });
        });
      });
    });

    it('has a gradient of each trainable variable, its last layer among them', () => {
      withModule(create, (decoder) => {
        moveVariables(decoder);
        const weights = normalTensor([batch, ...imageShape], 2);
        expectGradientOfEachVariable(decoder, () => tf.sum(tf.mul(decoder.decode(tokensFor(decoder)), weights)));
        if (decoder.lastLayer) expect(decoder.trainableVariables()).toContain(decoder.lastLayer);
      });
    });

    it.each([
      ['one token too many', 1, 0],
      ['another width', 0, 1],
    ])('refuses %s', (_problem, moreTokens, moreWidth) => {
      withModule(create, (decoder) => {
        const { grid, dim } = decoder;
        const shape = [batch, grid[0] * grid[1] + moreTokens, dim + moreWidth] as const;
        expect(() => decoder.decode(tf.zeros<tf.Rank.R3>([...shape]))).toThrow(ShapeError);
      });
    });

    it('leaves its input alone, and no tensors behind', () => {
      const decoder = create();
      const tokens = tokensFor(decoder);
      expectNoTensorLeak(() => decoder.decode(tokens).dispose());
      expectNoTensorLeak(() => {
        tf.dispose(tf.variableGrads(() => tf.sum(decoder.decode(tokens)), decoder.trainableVariables()));
      });
      expect(tokens.isDisposed).toBe(false);
      tf.dispose(tokens);
      decoder.dispose();
    });

    it('frees its variables, once', () => {
      expectDisposal(create);
    });
  });
}
