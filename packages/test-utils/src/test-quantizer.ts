import * as tf from '@tensorflow/tfjs-core';
import { formatShape, randomKey, randomNormal, randomUniform, ShapeError } from '@vitvq/core';
import type { Codebook, QuantizeContext, Quantizer } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { expectNoTensorLeak } from './expect-no-tensor-leak.js';
import './to-be-all-close.js';

/** Quantizer under test and what it promises beyond the interface. */
export interface QuantizerContract {
  readonly name: string;
  /** Returns a new quantizer, identically initialised on every call. */
  readonly create: () => Quantizer;
  /** `[B, N, E]` of the features that the quantizer takes. */
  readonly inputShape: readonly [number, number, number];
  /** Whether it has variables that an optimizer moves. @default true */
  readonly trainable?: boolean;
  /** Tolerance of `decode(indices)` against `quantized`. @default 1e-5 */
  readonly tolerance?: number;
}

type Shape = QuantizerContract['inputShape'];

/** What the tests of one quantizer share. */
interface Bench {
  readonly shape: Shape;
  readonly trainable: boolean;
  readonly tolerance: number;
  readonly create: () => Quantizer;
  /** Returns features `[B, N, E]`, a function of the seed. */
  readonly features: (seed?: number) => tf.Tensor3D;
  /** Returns the context of a training step. */
  readonly training: (quantizer: Quantizer) => QuantizeContext;
  /** Runs `body` with a new quantizer inside `tf.tidy`. */
  readonly use: (body: (quantizer: Quantizer) => void) => void;
}

/** Registers the tests that every `Quantizer` must pass. */
export function testQuantizer({
  name,
  create,
  inputShape,
  trainable = true,
  tolerance = 1e-5,
}: QuantizerContract): void {
  const [batch, tokens, codeDim] = inputShape;
  const bench: Bench = {
    shape: inputShape,
    trainable,
    tolerance,
    create,
    features: (seed = 1) => tf.tensor3d(randomNormal(randomKey(seed), batch * tokens * codeDim), [...inputShape]),
    training(quantizer) {
      const shape = quantizer.noiseShape?.(batch, tokens);
      return { training: true, noise: shape && uniform(shape, 4) };
    },
    use(body) {
      const quantizer = create();
      try {
        tf.tidy(() => body(quantizer));
      } finally {
        quantizer.dispose();
      }
    },
  };
  const { gradient, codebook } = factsOf(create);
  describe(`${name} keeps the contract of a quantizer`, () => {
    testFacts(bench);
    testResult(bench);
    testDecode(bench);
    testGradients(bench, gradient);
    testManners(bench);
    testRefusals(bench);
    if (codebook) testCodebook(bench);
    if (codebook?.reset) testReset(bench);
  });
}

function factsOf(create: () => Quantizer): Quantizer {
  const quantizer = create();
  quantizer.dispose();
  return quantizer;
}

function uniform(shape: readonly number[], seed: number): tf.Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(randomUniform(randomKey(seed), size), [...shape]);
}

/** Returns uniform noise `[K]`, which picks features for codes. */
function picks({ codebookSize }: Quantizer, seed = 6): tf.Tensor1D {
  return uniform([codebookSize], seed) as tf.Tensor1D;
}

function codebookOf(quantizer: Quantizer): Codebook {
  expect(quantizer.codebook).toBeDefined();
  return quantizer.codebook!;
}

/** Returns the indices of all codes, `[1, K]`, the same one in all of L places. */
function allIndices({ codebookSize, codeDepth }: Quantizer): tf.Tensor2D | tf.Tensor3D {
  const codes = tf.range(0, codebookSize, 1, 'int32');
  if (codeDepth === 1) return tf.reshape<tf.Rank.R2>(codes, [1, codebookSize]);
  return tf.tile(tf.reshape<tf.Rank.R3>(codes, [1, codebookSize, 1]), [1, 1, codeDepth]);
}

function testFacts({ shape, trainable, use }: Bench): void {
  it('says what it is', () => {
    use((quantizer) => {
      expect(quantizer.codeDim).toBe(shape[2]);
      expect(quantizer.codebookSize).toBeGreaterThan(1);
      expect(quantizer.codeDepth).toBeGreaterThanOrEqual(1);
      const named = [...quantizer.namedVariables().values()];
      const trained = quantizer.trainableVariables();
      expect(trained.length > 0).toBe(trainable);
      expect([...quantizer.namedTrainableVariables().values()]).toEqual(trained);
      for (const variable of trained) expect(named).toContain(variable);
    });
  });
}

function testResult({ shape, features, training, use }: Bench): void {
  const [batch, tokens] = shape;

  it.each([false, true])(
    'returns codes, indices and a loss of the right shapes and dtypes (training: %s)',
    (trains) => {
      use((quantizer) => {
        const { codeDepth } = quantizer;
        const context = trains ? training(quantizer) : undefined;
        const { quantized, indices, loss } = quantizer.quantize(features(), context);
        expect(quantized.shape).toEqual([...shape]);
        expect(quantized.dtype).toBe('float32');
        expect(indices.shape).toEqual(codeDepth === 1 ? [batch, tokens] : [batch, tokens, codeDepth]);
        expect(indices.dtype).toBe('int32');
        expect(loss.shape).toEqual([]);
        expect(loss.dtype).toBe('float32');
        expect(loss.dataSync()[0]).toBeGreaterThanOrEqual(0);
      });
    },
  );

  it('gives indices within the codebook', () => {
    use((quantizer) => {
      for (const index of quantizer.quantize(features()).indices.dataSync()) {
        expect(index).toBeGreaterThanOrEqual(0);
        expect(index).toBeLessThan(quantizer.codebookSize);
      }
    });
  });
}

function testDecode({ shape, tolerance, features, use }: Bench): void {
  const close = { rtol: tolerance, atol: tolerance };

  it('decodes the indices to the quantized features', () => {
    use((quantizer) => {
      const { quantized, indices } = quantizer.quantize(features());
      expect(quantizer.decode(indices)).toBeAllClose(quantized, close);
    });
  });

  it('decodes every index to a finite code of its own', () => {
    use((quantizer) => {
      const codes = quantizer.decode(allIndices(quantizer));
      expect(codes.shape).toEqual([1, quantizer.codebookSize, shape[2]]);
      for (const value of codes.dataSync()) expect(Number.isFinite(value)).toBe(true);
      const rows = codes.arraySync()[0]!.map((row) => row.join());
      expect(new Set(rows).size).toBe(quantizer.codebookSize);
    });
  });
}

function testGradients({ trainable, features, training, use }: Bench, gradient: Quantizer['gradient']): void {
  if ((gradient ?? 'straight-through') === 'straight-through') {
    it('passes the gradient of the quantized features to its input unchanged', () => {
      use((quantizer) => {
        const weights = features(2);
        const towardsInput = tf.grad((z: tf.Tensor) =>
          tf.sum(tf.mul(quantizer.quantize(z as tf.Tensor3D).quantized, weights)),
        )(features());
        expect(towardsInput).toBeAllClose(weights);
      });
    });
  }

  it('passes a gradient that is finite and not zero to its input', () => {
    use((quantizer) => {
      const [weights, context] = [features(2), training(quantizer)];
      const towardsInput = tf.grad((z: tf.Tensor) => {
        const { quantized, loss } = quantizer.quantize(z as tf.Tensor3D, context);
        return tf.add(tf.sum(tf.mul(quantized, weights)), loss);
      })(features());
      expectGradient(towardsInput, 'z');
    });
  });

  if (!trainable) return;
  it('gives each trainable variable a gradient that is finite and not zero', () => {
    use((quantizer) => {
      const [z, weights, context] = [features(), features(2), training(quantizer)];
      const variables = quantizer.trainableVariables();
      const { grads } = tf.variableGrads(() => {
        const { quantized, loss } = quantizer.quantize(z, context);
        return tf.add(tf.sum(tf.mul(quantized, weights)), loss);
      }, variables);
      expect(Object.keys(grads).sort()).toEqual(variables.map(({ name }) => name).sort());
      for (const [name, variable] of quantizer.namedTrainableVariables()) expectGradient(grads[variable.name]!, name);
    });
  });
}

function expectGradient(gradient: tf.Tensor, name: string): void {
  const values = gradient.dataSync();
  expect(values.every(Number.isFinite), name).toBe(true);
  expect(
    values.some((value) => value !== 0),
    `${name} has a gradient`,
  ).toBe(true);
}

function testManners({ create, features, use }: Bench): void {
  it('is deterministic outside of training', () => {
    use((first) =>
      use((second) => {
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

  it('changes no variable outside of training', () => {
    use((quantizer) => {
      const values = (): number[][] => [...quantizer.namedVariables().values()].map((v) => [...v.dataSync()]);
      const before = values();
      quantizer.quantize(features());
      expect(values()).toEqual(before);
    });
  });

  it('leaves its input alone', () => {
    use((quantizer) => {
      const z = features();
      quantizer.quantize(z);
      expect(z.isDisposed).toBe(false);
      expect(z).toBeAllClose(features(), { rtol: 0, atol: 0 });
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
}

function testRefusals({ shape: [batch, tokens, codeDim], use }: Bench): void {
  it.each([
    ['a last axis that is not codeDim', [batch, tokens, codeDim + 1]],
    ['a missing axis', [tokens, codeDim]],
  ])('refuses %s', (_problem, shape) => {
    use((quantizer) => {
      const quantize = (): unknown => quantizer.quantize(tf.zeros<tf.Rank>(shape) as tf.Tensor3D);
      expect(quantize).toThrow(ShapeError);
      expect(quantize).toThrow(formatShape(shape));
    });
  });

  it('refuses indices with a wrong number of axes', () => {
    use((quantizer) => {
      const shape = quantizer.codeDepth === 1 ? [batch, tokens, 2] : [batch, tokens];
      expect(() => quantizer.decode(tf.zeros<tf.Rank>(shape, 'int32') as tf.Tensor2D)).toThrow(ShapeError);
    });
  });
}

function testCodebook({ shape, features, use }: Bench): void {
  it('decodes indices to the rows of the codebook', () => {
    use((quantizer) => {
      const rows = codebookOf(quantizer).rows();
      expect(rows.shape).toEqual([quantizer.codebookSize, shape[2]]);
      expect(tf.squeeze(quantizer.decode(allIndices(quantizer)), [0])).toBeAllClose(rows, { rtol: 0, atol: 0 });
      if (codebookOf(quantizer).normalized) {
        expect(tf.norm(rows, 2, 1)).toBeAllClose(new Float32Array(quantizer.codebookSize).fill(1));
      }
    });
  });

  it('starts its codes as features', () => {
    use((quantizer) => {
      const codebook = codebookOf(quantizer);
      const z = features(3);
      codebook.initialize(z, picks(quantizer));
      const rows = codebook.rows();
      expect(distancesToFeatures(rows, z, codebook)).toBeAllClose(new Float32Array(quantizer.codebookSize), {
        rtol: 0,
        atol: 1e-5,
      });
      expect(new Set(quantizer.quantize(z).indices.dataSync()).size).toBeGreaterThan(1);
    });
  });
}

/** Returns the distance of each row from the nearest of the features, `[K]`. */
function distancesToFeatures(rows: tf.Tensor2D, z: tf.Tensor3D, { normalized }: Codebook): tf.Tensor {
  const flat = tf.reshape(z, [1, -1, z.shape[2]]);
  const candidates = normalized ? tf.div(flat, tf.norm(flat, 2, -1, true)) : flat;
  return tf.min(tf.sum(tf.squaredDifference(tf.expandDims(rows, 1), candidates), 2), 1);
}

function testReset({ features, training, use }: Bench): void {
  it('counts its codes in training and sets those to features that nothing chose', () => {
    use((quantizer) => {
      const codebook = codebookOf(quantizer);
      const z = features();
      const { indices } = quantizer.quantize(z, training(quantizer));
      const chosen = new Set(indices.dataSync());
      expect(tf.sum(codebook.usage!).dataSync()[0]).toBe(indices.size);
      const before = codebook.rows();
      expect(codebook.reset!(z, picks(quantizer)).dataSync()[0]).toBe(quantizer.codebookSize - chosen.size);
      const after = codebook.rows();
      const rowOf = (rows: tf.Tensor2D, code: number): number[] => [...tf.gather(rows, [code]).dataSync()];
      for (const code of chosen) expect(rowOf(after, code)).toEqual(rowOf(before, code));
      const distances = distancesToFeatures(after, z, codebook).dataSync();
      distances.forEach((distance, code) => {
        if (!chosen.has(code)) expect(distance).toBeLessThan(1e-5);
      });
      expect(codebook.reset!(z, picks(quantizer)).dataSync()[0]).toBe(quantizer.codebookSize);
    });
  });
}
