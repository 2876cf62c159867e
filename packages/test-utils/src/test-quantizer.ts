import * as tf from '@tensorflow/tfjs-core';
import { formatShape, randomKey, randomNormal, randomUniform, ShapeError } from '@vitvq/core';
import type { Codebook, CodebookTable, QuantizeContext, Quantizer } from '@vitvq/core';
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
  /** Whether it takes a mask of padded tokens. @default true */
  readonly takesMask?: boolean;
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
  takesMask = true,
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
  const { gradient, codebook, bound } = factsOf(create);
  describe(`${name} keeps the contract of a quantizer`, () => {
    testFacts(bench);
    testResult(bench);
    testNaN(bench);
    testDecode(bench);
    testGradients(bench, gradient);
    testManners(bench);
    if (takesMask) testMask(bench);
    testRefusals(bench);
    if (bound) testBound(bench);
    if (codebook) testCodebook(bench);
    if (codebook && takesMask) testCodebookMask(bench);
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

/** Returns uniform noise, which picks features for the codes of every table. */
function picks(quantizer: Quantizer, seed = 6): tf.Tensor1D {
  const codes = codebookOf(quantizer).tables.reduce((sum, { size }) => sum + size, 0);
  return uniform([codes], seed) as tf.Tensor1D;
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

function testNaN({ shape: [batch, tokens, codeDim], features, training, use }: Bench): void {
  it.each([false, true])('gives indices within the codebook for NaN, and shows it (training: %s)', (trains) => {
    use((quantizer) => {
      const values = features().dataSync().slice();
      values[codeDim] = NaN; // one channel of the second token
      const z = tf.tensor3d(values, [batch, tokens, codeDim]);
      const { quantized, indices, loss } = quantizer.quantize(z, trains ? training(quantizer) : undefined);
      for (const index of indices.dataSync()) {
        expect(index).toBeGreaterThanOrEqual(0);
        expect(index).toBeLessThan(quantizer.codebookSize);
      }
      expect([...quantized.dataSync(), ...loss.dataSync()].some(Number.isNaN)).toBe(true);
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

/** Features, some of them padding that must not count, and the others alone. */
interface Padded {
  readonly z: tf.Tensor3D;
  /** `[B, N]`. */
  readonly mask: tf.Tensor2D;
  /** Numbers of the real tokens of `z`, row after row. */
  readonly real: tf.Tensor1D;
  /** Returns the real tokens of `[B, N, ...]`, `[1, n, ...]`. */
  readonly pick: (x: tf.Tensor) => tf.Tensor3D;
}

/** Returns features of which every third token is padding: NaN, or far away. */
function padded({ shape: [batch, tokens, codeDim], features }: Bench): Padded {
  const values = features().dataSync().slice();
  const isReal = Float32Array.from({ length: batch * tokens }, (_, token) => Number(token % 3 !== 1));
  isReal.forEach((weight, token) => {
    if (weight === 0) values.fill(token % 2 === 0 ? NaN : 1e3, token * codeDim, (token + 1) * codeDim);
  });
  const real = [...isReal.keys()].filter((token) => isReal[token] === 1);
  return {
    z: tf.tensor3d(values, [batch, tokens, codeDim]),
    mask: tf.tensor2d(isReal, [batch, tokens]),
    real: tf.tensor1d(real, 'int32'),
    pick: (x) =>
      tf.gather(
        tf.reshape<tf.Rank>(x, [1, batch * tokens, ...x.shape.slice(2)]),
        tf.tensor1d(real, 'int32'),
        1,
      ) as tf.Tensor3D,
  };
}

/** Returns the context of a training step whose noise is the same for every token. */
function evenTraining(quantizer: Quantizer, batch: number, tokens: number): QuantizeContext {
  const shape = quantizer.noiseShape?.(batch, tokens);
  return { training: true, noise: shape && tf.fill([...shape], 0.3) };
}

function testMask(bench: Bench): void {
  const [batch, tokens] = bench.shape;
  const close = { rtol: 1e-5, atol: 1e-6 };

  it('gives real tokens among padding what it gives them alone, and no padding counts', () => {
    bench.use((quantizer) =>
      bench.use((other) => {
        const { z, mask, real, pick } = padded(bench);
        const found = quantizer.quantize(z, { ...evenTraining(quantizer, batch, tokens), mask });
        const alone = other.quantize(pick(z), evenTraining(other, 1, real.size));
        expect(pick(found.quantized)).toBeAllClose(alone.quantized, close);
        expect(pick(found.indices)).toBeAllClose(alone.indices, { rtol: 0, atol: 0 });
        expect(found.loss).toBeAllClose(alone.loss, close);
        for (const [name, variable] of other.namedVariables()) {
          expect(quantizer.namedVariables().get(name)!, name).toBeAllClose(variable, close);
        }
        const [values, result] = [z.dataSync(), found.quantized.dataSync()];
        const depth = quantizer.codeDepth;
        mask.dataSync().forEach((weight, token) => {
          if (weight === 1) return;
          const [from, to] = [token * quantizer.codeDim, (token + 1) * quantizer.codeDim];
          expect(result.slice(from, to)).toEqual(values.slice(from, to));
          const indices = found.indices.dataSync().slice(token * depth, (token + 1) * depth);
          expect([...indices]).toEqual(new Array(depth).fill(0));
        });
      }),
    );
  });

  it('gives real tokens among padding the gradients that they have alone', () => {
    bench.use((quantizer) =>
      bench.use((other) => {
        const { z, mask, real, pick } = padded(bench);
        const weights = bench.features(2);
        const gradientsOf = (q: Quantizer, x: tf.Tensor3D, w: tf.Tensor, context: QuantizeContext): tf.Tensor[] =>
          tf.engine().gradients(
            () => {
              const { quantized, loss } = q.quantize(x, context);
              return tf.add(tf.sum(tf.mul(quantized, w)), loss);
            },
            [x, ...q.trainableVariables()],
            undefined,
            true,
          ).grads;
        const context = { ...evenTraining(quantizer, batch, tokens), mask };
        const [towardsZ, ...found] = gradientsOf(quantizer, z, weights, context);
        const single = evenTraining(other, 1, real.size);
        const [towardsReal, ...expected] = gradientsOf(other, pick(z), pick(weights), single);
        const near = { rtol: 1e-4, atol: 1e-5 };
        expect(pick(towardsZ!)).toBeAllClose(towardsReal!, near);
        found.forEach((gradient, at) => expect(gradient).toBeAllClose(expected[at]!, near));
        // Padding is passed through.
        const padding = tf.expandDims(tf.sub(1, mask), 2);
        expect(tf.mul(towardsZ!, padding)).toBeAllClose(tf.mul(weights, padding), near);
      }),
    );
  });

  it('refuses a mask that does not fit', () => {
    bench.use((quantizer) => {
      const context = { ...evenTraining(quantizer, batch, tokens), mask: tf.ones<tf.Rank.R2>([batch, tokens + 1]) };
      const quantize = (): unknown => quantizer.quantize(bench.features(), context);
      expect(quantize).toThrow(ShapeError);
      expect(quantize).toThrow('mask');
    });
  });
}

function testCodebookMask(bench: Bench): void {
  const [batch, tokens] = bench.shape;

  it.each([0, 2])('sets its codes to no padding (kMeansIterations: %d)', (kMeansIterations) => {
    bench.use((quantizer) =>
      bench.use((other) => {
        const { z, mask, real, pick } = padded(bench);
        const [first, second] = [codebookOf(quantizer), codebookOf(other)];
        const expectSame = (): void =>
          first.tables.forEach((table, at) => expect(table.rows()).toBeAllClose(second.tables[at]!.rows()));
        first.initialize(z, picks(quantizer), { kMeansIterations, mask });
        second.initialize(pick(z), picks(other), { kMeansIterations });
        expectSame();
        if (!first.reset || !second.reset) return;
        quantizer.quantize(z, { ...evenTraining(quantizer, batch, tokens), mask });
        other.quantize(pick(z), evenTraining(other, 1, real.size));
        const shifted = tf.mul<tf.Tensor3D>(z, -1.5);
        const dead = first.reset(shifted, picks(quantizer, 7), { mask });
        expect(dead).toBeAllClose(second.reset(pick(shifted), picks(other, 7)));
        expectSame();
      }),
    );
  });

  it('refuses a mask of features that does not fit', () => {
    bench.use((quantizer) => {
      const codebook = codebookOf(quantizer);
      const options = { mask: tf.ones([batch, tokens + 1]) };
      expect(() => codebook.initialize(bench.features(), picks(quantizer), options)).toThrow(ShapeError);
      if (codebook.reset) {
        expect(() => codebook.reset!(bench.features(), picks(quantizer), options)).toThrow(ShapeError);
      }
    });
  });
}

function testBound({ shape, features, use }: Bench): void {
  it('maps features no farther from their codes, with a gradient', () => {
    use((quantizer) => {
      const z = features();
      const bounded = quantizer.bound!(z);
      expect(bounded.shape).toEqual([...shape]);
      const codes = quantizer.decode(quantizer.quantize(z).indices);
      expect(tf.mean(tf.squaredDifference(bounded, codes)).dataSync()[0]).toBeLessThanOrEqual(
        tf.mean(tf.squaredDifference(z, codes)).dataSync()[0]!,
      );
      expectGradient(tf.grad((x: tf.Tensor) => tf.sum(quantizer.bound!(x as tf.Tensor3D)))(z), 'z');
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

  it('takes no index out of range for another code', () => {
    use((quantizer) => {
      const { codebookSize, codeDepth } = quantizer;
      const indicesShape = codeDepth === 1 ? [1, 1] : [1, 1, codeDepth];
      for (const index of [-1, codebookSize, -codebookSize, 2 ** 31 - 1, -(2 ** 31)]) {
        let decoded: ArrayLike<number>;
        try {
          decoded = quantizer.decode(tf.fill<tf.Rank>(indicesShape, index, 'int32') as tf.Tensor2D).dataSync();
        } catch (error) {
          expect((error as Error).message).toContain(String(index));
          continue;
        }
        expect(Array.from(decoded).every(Number.isNaN), `index ${index}`).toBe(true);
      }
    });
  });

  it('refuses indices with a wrong number of axes', () => {
    use((quantizer) => {
      const shape = quantizer.codeDepth === 1 ? [batch, tokens, 2] : [batch, tokens];
      expect(() => quantizer.decode(tf.zeros<tf.Rank>(shape, 'int32') as tf.Tensor2D)).toThrow(ShapeError);
    });
  });
}

/** Tables of a quantizer, and what each of them quantizes. */
interface Layout {
  /** Whether codes are put side by side, each of channels of its own, and not added up. */
  readonly isGrouped: boolean;
  /** Whether the codes of each table start as features themselves. */
  readonly startsAsFeatures: (table: number) => boolean;
  /** Returns what a table quantizes of features `[B, N, E]`, `[rows, width]`. */
  readonly inputOf: (table: number, z: tf.Tensor3D) => tf.Tensor2D;
}

function layoutOf({ codeDim, codeDepth, codebook }: Quantizer): Layout {
  const { tables } = codebook!;
  const widths = tables.map((table) => tf.tidy(() => table.rows().shape[1]));
  const isGrouped = widths[0]! < codeDim;
  return {
    isGrouped,
    // Codes of later levels are what earlier ones leave over.
    startsAsFeatures: (table) => isGrouped || codeDepth === 1 || (tables.length > 1 && table === 0),
    inputOf: (table, z) => {
      if (!isGrouped || tables.length === 1) return tf.reshape(z, [-1, widths[0]!]);
      return tf.reshape(tf.split(z, widths, 2)[table]!, [-1, widths[table]!]);
    },
  };
}

function testCodebook({ shape, features, use }: Bench): void {
  it('decodes indices to the rows of its tables', () => {
    use((quantizer) => {
      const { codebookSize, codeDepth } = quantizer;
      const { tables, normalized } = codebookOf(quantizer);
      const { isGrouped } = layoutOf(quantizer);
      const ofLevels = rowsOfAllCodes(quantizer);
      for (const rows of ofLevels) expect(rows.shape).toEqual([codebookSize, isGrouped ? rows.shape[1] : shape[2]]);
      const codes = isGrouped ? tf.concat(ofLevels, 1) : tf.addN(ofLevels);
      expect(tf.squeeze(quantizer.decode(allIndices(quantizer)), [0])).toBeAllClose(codes, {
        rtol: 0,
        atol: codeDepth === 1 || isGrouped ? 0 : 1e-6,
      });
      for (const table of tables) {
        if (table.normalized) expect(tf.norm(table.rows(), 2, 1)).toBeAllClose(new Float32Array(table.size).fill(1));
      }
      expect(normalized).toBe(codeDepth === 1 && tables.length === 1 && tables[0]!.normalized);
    });
  });

  it('starts its codes as features', () => {
    use((quantizer) => {
      const { codebookSize } = quantizer;
      const codebook = codebookOf(quantizer);
      const { startsAsFeatures, inputOf } = layoutOf(quantizer);
      const z = features(3);
      const before = codebook.tables.map((table) => table.rows().arraySync());
      codebook.initialize(z, picks(quantizer));
      codebook.tables.forEach((table, at) => {
        expect(table.rows().arraySync()).not.toEqual(before[at]);
        if (!startsAsFeatures(at)) return;
        expect(distancesToRows(table.rows(), inputOf(at, z), table)).toBeAllClose(new Float32Array(table.size), {
          rtol: 0,
          atol: 1e-5,
        });
      });
      const { indices } = quantizer.quantize(z);
      expect(indices.dataSync().every((index) => index >= 0 && index < codebookSize)).toBe(true);
      expect(new Set(indices.dataSync()).size).toBeGreaterThan(1);
    });
  });

  it('refuses noise that is not one number a code', () => {
    use((quantizer) => {
      const codebook = codebookOf(quantizer);
      const noise = tf.zeros<tf.Rank.R1>([picks(quantizer).size + 1]);
      expect(() => codebook.initialize(features(), noise)).toThrow(ShapeError);
      if (codebook.reset) expect(() => codebook.reset!(features(), noise)).toThrow(ShapeError);
    });
  });
}

/** Returns the distance of each code from the nearest of what its table quantizes, `[K]`. */
function distancesToRows(codes: tf.Tensor2D, rows: tf.Tensor2D, { normalized }: CodebookTable): tf.Tensor {
  const flat = tf.expandDims(rows, 0);
  const candidates = normalized ? tf.div(flat, tf.norm(flat, 2, -1, true)) : flat;
  return tf.min(tf.sum(tf.squaredDifference(tf.expandDims(codes, 1), candidates), 2), 1);
}

/** Returns which codes of each table were chosen. */
function chosenCodes({ codeDepth, codebook }: Quantizer, indices: tf.Tensor): Set<number>[] {
  const { tables } = codebook!;
  const chosen = tables.map(() => new Set<number>());
  indices.dataSync().forEach((index, at) => {
    if (!isProduct({ codeDepth, codebook })) chosen[(at % codeDepth) % tables.length]!.add(index);
    else digitsOf(tables, index).forEach((digit, table) => chosen[table]!.add(digit));
  });
  return chosen;
}

/** Returns whether a code is put together of one of each table. */
function isProduct({ codeDepth, codebook }: Pick<Quantizer, 'codeDepth' | 'codebook'>): boolean {
  return codeDepth === 1 && codebook!.tables.length > 1;
}

/** Returns the codes of each table that a code of a product is made of; the first counts least. */
function digitsOf(tables: readonly CodebookTable[], index: number): number[] {
  let rest = index;
  return tables.map(({ size }) => {
    const digit = rest % size;
    rest = (rest - digit) / size;
    return digit;
  });
}

/** Returns what each level or group has for each of the K codes, `[K, width]`. */
function rowsOfAllCodes(quantizer: Quantizer): tf.Tensor2D[] {
  const { codebookSize, codeDepth, codebook } = quantizer;
  const { tables } = codebook!;
  if (!isProduct(quantizer)) {
    expect([1, codeDepth]).toContain(tables.length);
    return Array.from({ length: codeDepth }, (_, level) => tables[level % tables.length]!.rows());
  }
  const digits = Array.from({ length: codebookSize }, (_, index) => digitsOf(tables, index));
  return tables.map((table, at) => {
    const chosen = digits.map((ofCode) => ofCode[at]!);
    return tf.gather(table.rows(), tf.tensor1d(chosen, 'int32'));
  });
}

function testReset({ features, training, use }: Bench): void {
  it('counts its codes in training and sets those to features that nothing chose', () => {
    use((quantizer) => {
      const codebook = codebookOf(quantizer);
      const { tables } = codebook;
      const { startsAsFeatures, inputOf } = layoutOf(quantizer);
      const z = features();
      const { indices } = quantizer.quantize(z, training(quantizer));
      const chosen = chosenCodes(quantizer, indices);
      const total = isProduct(quantizer) ? indices.size : indices.size / tables.length;
      for (const { usage } of tables) expect(tf.sum(usage!).dataSync()[0]).toBe(total);
      const before = tables.map((table) => table.rows().arraySync());
      const dead = chosen.reduce((sum, codes, at) => sum + tables[at]!.size - codes.size, 0);
      expect(codebook.reset!(z, picks(quantizer)).dataSync()[0]).toBe(dead);
      tables.forEach((table, at) => {
        const after = table.rows().arraySync();
        const distances = distancesToRows(table.rows(), inputOf(at, z), table).dataSync();
        for (let code = 0; code < table.size; code++) {
          if (chosen[at]!.has(code)) expect(after[code]).toEqual(before[at]![code]);
          else expect(after[code]).not.toEqual(before[at]![code]);
          if (startsAsFeatures(at) && !chosen[at]!.has(code)) expect(distances[code]).toBeLessThan(1e-5);
        }
        expect(tf.sum(table.usage!).dataSync()[0]).toBe(0);
      });
      expect(codebook.reset!(z, picks(quantizer)).dataSync()[0]).toBe(picks(quantizer).size);
    });
  });
}
