import * as tf from '@tensorflow/tfjs-core';
import { formatShape, randomKey, randomNormal, ShapeError, type Quantizer } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { expectNoTensorLeak } from './expect-no-tensor-leak.js';
import './to-be-all-close.js';

export interface QuantizerContract {
  readonly name: string;
  /** Makes a new quantizer; the same one every time. */
  readonly create: () => Quantizer;
  /** `[B, N, E]` of the features that it takes. */
  readonly inputShape: readonly [number, number, number];
  /** Whether `quantized` passes its gradient to `z` unchanged. @default true */
  readonly straightThrough?: boolean;
  /** Whether it has variables that an optimizer moves. @default true */
  readonly trainable?: boolean;
  /** For `decode(indices)` against `quantized`. @default 1e-5 */
  readonly tolerance?: number;
}

/** Registers the tests that every `Quantizer` must pass. */
export function testQuantizer({
  name,
  create,
  inputShape,
  straightThrough = true,
  trainable = true,
  tolerance = 1e-5,
}: QuantizerContract): void {
  const [batch, tokens, codeDim] = inputShape;
  const features = (seed = 1): tf.Tensor3D =>
    tf.tensor3d(randomNormal(randomKey(seed), batch * tokens * codeDim), [...inputShape]);
  const withQuantizer = (body: (quantizer: Quantizer) => void): void => {
    const quantizer = create();
    try {
      tf.tidy(() => body(quantizer));
    } finally {
      quantizer.dispose();
    }
  };

  describe(`${name} keeps the contract of a quantizer`, () => {
    it('says what it is', () => {
      withQuantizer((quantizer) => {
        expect(quantizer.codeDim).toBe(codeDim);
        expect(quantizer.codebookSize).toBeGreaterThan(1);
        expect(quantizer.levels).toBeGreaterThanOrEqual(1);
        const named = [...quantizer.namedVariables().values()];
        expect(quantizer.trainableVariables().length > 0).toBe(trainable);
        for (const variable of quantizer.trainableVariables()) expect(named).toContain(variable);
      });
    });

    it('returns codes, indices and a loss of the right shapes and dtypes', () => {
      withQuantizer((quantizer) => {
        const { quantized, indices, loss } = quantizer.quantize(features());
        expect(quantized.shape).toEqual([...inputShape]);
        expect(quantized.dtype).toBe('float32');
        expect(indices.shape).toEqual(quantizer.levels === 1 ? [batch, tokens] : [batch, tokens, quantizer.levels]);
        expect(indices.dtype).toBe('int32');
        expect(loss.shape).toEqual([]);
        expect(loss.dtype).toBe('float32');
        expect(loss.dataSync()[0]).toBeGreaterThanOrEqual(0);
      });
    });

    it('gives indices within the codebook', () => {
      withQuantizer((quantizer) => {
        for (const index of quantizer.quantize(features()).indices.dataSync()) {
          expect(index).toBeGreaterThanOrEqual(0);
          expect(index).toBeLessThan(quantizer.codebookSize);
        }
      });
    });

    it('decodes the indices to the quantized features', () => {
      withQuantizer((quantizer) => {
        const { quantized, indices } = quantizer.quantize(features());
        expect(quantizer.decode(indices)).toBeAllClose(quantized, { rtol: tolerance, atol: tolerance });
      });
    });

    it('decodes every index of the codebook', () => {
      withQuantizer((quantizer) => {
        const codes = tf.range(0, quantizer.codebookSize, 1, 'int32');
        const shape = quantizer.levels === 1 ? [1, -1] : [1, -1, 1];
        const indices = tf.tile(tf.reshape(codes, shape), quantizer.levels === 1 ? [1, 1] : [1, 1, quantizer.levels]);
        const decoded = quantizer.decode(indices as tf.Tensor2D);
        expect(decoded.shape).toEqual([1, quantizer.codebookSize, codeDim]);
        for (const value of decoded.dataSync()) expect(value).not.toBeNaN();
      });
    });

    it.runIf(straightThrough)('passes the gradient of the quantized features to its input unchanged', () => {
      withQuantizer((quantizer) => {
        const weights = features(2);
        const gradient = tf.grad((z: tf.Tensor) =>
          tf.sum(tf.mul(quantizer.quantize(z as tf.Tensor3D).quantized, weights)),
        )(features());
        expect(gradient).toBeAllClose(weights);
      });
    });

    it.runIf(trainable)('gives its trainable variables a gradient of the loss', () => {
      withQuantizer((quantizer) => {
        const z = features();
        const { grads } = tf.variableGrads(() => quantizer.quantize(z).loss, quantizer.trainableVariables());
        for (const gradient of Object.values(grads)) {
          for (const value of gradient.dataSync()) expect(value).not.toBeNaN();
        }
      });
    });

    it('is deterministic', () => {
      withQuantizer((first) =>
        withQuantizer((second) => {
          const a = first.quantize(features());
          const again = first.quantize(features());
          const b = second.quantize(features());
          for (const other of [again, b]) {
            expect([...other.indices.dataSync()]).toEqual([...a.indices.dataSync()]);
            expect([...other.quantized.dataSync()]).toEqual([...a.quantized.dataSync()]);
            expect([...other.loss.dataSync()]).toEqual([...a.loss.dataSync()]);
          }
        }),
      );
    });

    it('leaves its input alone', () => {
      withQuantizer((quantizer) => {
        const z = features();
        quantizer.quantize(z);
        expect(z.isDisposed).toBe(false);
        expect(z).toBeAllClose(features(), { rtol: 0, atol: 0 });
      });
    });

    it.each([
      ['a last axis that is not codeDim', [batch, tokens, codeDim + 1]],
      ['a missing axis', [tokens, codeDim]],
    ])('refuses %s', (_problem, shape) => {
      withQuantizer((quantizer) => {
        const quantize = (): unknown => quantizer.quantize(tf.zeros<tf.Rank>(shape) as tf.Tensor3D);
        expect(quantize).toThrow(ShapeError);
        expect(quantize).toThrow(formatShape(shape));
      });
    });

    it('refuses indices with a wrong number of axes', () => {
      withQuantizer((quantizer) => {
        const shape = quantizer.levels === 1 ? [batch, tokens, 2] : [batch, tokens];
        expect(() => quantizer.decode(tf.zeros<tf.Rank>(shape, 'int32') as tf.Tensor2D)).toThrow(ShapeError);
      });
    });

    it('leaves no tensors behind when its results are disposed of', () => {
      const quantizer = create();
      const z = features();
      expectNoTensorLeak(() => {
        const { quantized, indices, loss } = quantizer.quantize(z);
        const decoded = quantizer.decode(indices);
        tf.dispose([quantized, indices, loss, decoded]);
      });
      tf.dispose(z);
      quantizer.dispose();
    });

    it('frees its variables, once', () => {
      expectNoTensorLeak(() => {
        const quantizer = create();
        quantizer.dispose();
        quantizer.dispose();
      });
    });
  });
}
