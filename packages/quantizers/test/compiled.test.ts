import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { randomKey, randomNormal, randomUniform } from '@vitvq/core';
import type { QuantizeResult, Quantizer } from '@vitvq/core';
import { compile, doctor, useEngine, type Precision } from '@vitvq/engine';
import { afterAll, describe, expect, it } from 'vitest';
import {
  BinarySphericalQuantizer,
  createQuantizer,
  DifferentiableVectorQuantizer,
  FiniteScalarQuantizer,
  GroupedQuantizer,
  GumbelQuantizer,
  IndexBackpropagationQuantizer,
  kMeans,
  LookupFreeQuantizer,
  EMAQuantizer,
  ProductQuantizer,
  ResidualQuantizer,
  SimVectorQuantizer,
  VectorQuantizer,
} from '../src/index.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);

const options = { codebookSize: 8, codeDim: 4, key: randomKey(3) };
const shape = [2, 6, 4] as const;

type Run = (z: tf.Tensor3D, uniform: tf.Tensor3D, temperature: tf.Scalar) => QuantizeResult;

interface Case {
  readonly name: string;
  readonly create: () => { readonly quantizer: Quantizer; readonly run: Run };
}

/** A quantizer that takes no noise, in training. */
function plain(name: string, make: () => Quantizer): Case {
  return {
    name,
    create: () => {
      const quantizer = make();
      return { quantizer, run: (z) => quantizer.quantize(z, { training: true }) };
    },
  };
}

/** A quantizer that takes no noise, in training, where a third of the tokens is padding. */
function plainWithPadding(name: string, make: () => Quantizer): Case {
  return {
    name,
    create: () => {
      const quantizer = make();
      const mask = [1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0, 1];
      return {
        quantizer,
        run: (z) => quantizer.quantize(z, { training: true, mask: tf.tensor2d(mask, [2, 6]) }),
      };
    },
  };
}

const cases: readonly Case[] = [
  plain('VectorQuantizer with the rotation trick', () => new VectorQuantizer({ ...options, gradient: 'rotation' })),
  plain('ResidualQuantizer', () => new ResidualQuantizer({ quantizer: new VectorQuantizer(options), codeDepth: 3 })),
  plain('SimVectorQuantizer', () => new SimVectorQuantizer(options)),
  plain('BinarySphericalQuantizer', () => new BinarySphericalQuantizer({ codeDim: 4, commitmentWeight: 0.25 })),
  plain(
    'IndexBackpropagationQuantizer',
    () => new IndexBackpropagationQuantizer({ ...options, entropyTemperature: 1 }),
  ),
  plain('FiniteScalarQuantizer', () => new FiniteScalarQuantizer({ levels: [8, 5, 4, 3] })),
  plain(
    'LookupFreeQuantizer',
    () => new LookupFreeQuantizer({ codeDim: 4, entropyGroupSize: 3, entropyTemperature: 1 }),
  ),
  plain(
    'ResidualQuantizer over finite scalars',
    () => new ResidualQuantizer({ quantizer: new FiniteScalarQuantizer({ levels: [8, 5, 4, 3] }), codeDepth: 3 }),
  ),
  plain(
    'ResidualQuantizer over bits',
    () =>
      new ResidualQuantizer({
        quantizer: new LookupFreeQuantizer({ codeDim: 4, entropyTemperature: 1 }),
        codeDepth: 3,
      }),
  ),
  plain(
    'GroupedQuantizer with a shared codebook',
    () => new GroupedQuantizer({ quantizer: new EMAQuantizer({ ...options, codeDim: 2 }), groups: 2 }),
  ),
  plain(
    'GroupedQuantizer with separate codebooks',
    () =>
      new GroupedQuantizer({
        quantizers: [4, 5].map((seed) => new VectorQuantizer({ ...options, codeDim: 2, key: randomKey(seed) })),
      }),
  ),
  plain(
    'ProductQuantizer',
    () =>
      new ProductQuantizer({
        quantizers: [
          new VectorQuantizer({ ...options, codebookSize: 5, codeDim: 2 }),
          new FiniteScalarQuantizer({ levels: [3, 4] }),
        ],
      }),
  ),
  plainWithPadding(
    'EMAQuantizer with padding',
    () => new EMAQuantizer({ ...options, decay: 0.8, diversityWeight: 0.5, diversityTemperature: 1 }),
  ),
  plainWithPadding(
    'ResidualQuantizer over bits with padding',
    () => new ResidualQuantizer({ quantizer: new BinarySphericalQuantizer({ codeDim: 4 }), codeDepth: 2 }),
  ),
  plain('EMAQuantizer', () => new EMAQuantizer({ ...options, decay: 0.8 })),
  {
    name: 'GumbelQuantizer in training, temperature and noise as tensors',
    create: () => {
      const quantizer = new GumbelQuantizer(options);
      const run: Run = (z, uniform, temperature) =>
        quantizer.quantize(z, { training: true, noise: uniform, temperature });
      return { quantizer, run };
    },
  },
  {
    name: 'VectorQuantizer with drawn, diverse and orthogonal codes',
    create: () => {
      const quantizer = new VectorQuantizer({
        ...options,
        sampleTemperature: 1,
        diversityWeight: 0.5,
        orthogonalWeight: 0.5,
        orthogonalCodes: 'chosen',
      });
      const run: Run = (z, uniform, temperature) =>
        quantizer.quantize(z, { training: true, noise: uniform, temperature });
      return { quantizer, run };
    },
  },
  {
    name: 'DifferentiableVectorQuantizer',
    create: () => {
      const quantizer = new DifferentiableVectorQuantizer({ ...options, noiseDeviation: 0.1 });
      const run: Run = (z, uniform) =>
        quantizer.quantize(z, { training: true, noise: tf.slice(uniform, [0, 0, 0], [2, 6, 4]) });
      return { quantizer, run };
    },
  },
  {
    name: 'GumbelQuantizer in evaluation',
    create: () => {
      const quantizer = new GumbelQuantizer(options);
      return { quantizer, run: (z) => quantizer.quantize(z) };
    },
  },
];

/** Results, gradients and variables after two calls on an engine. */
async function valuesOn(
  engine: 'cpu' | 'onnx',
  { create }: Case,
  precision: Precision = 'float32',
): Promise<Record<string, number[]>> {
  await useEngine({ name: engine, onCompile: () => undefined });
  const { quantizer, run } = create();
  const step = compile(
    (z: tf.Tensor3D, uniform: tf.Tensor3D, weights: tf.Tensor3D, temperature: tf.Scalar) => {
      const { quantized, indices, loss } = run(z, uniform, temperature);
      const { grads } = tf.engine().gradients(
        () => {
          const result = run(z, uniform, temperature);
          return tf.add(tf.sum(tf.mul(result.quantized, weights)), result.loss);
        },
        [z, ...quantizer.trainableVariables()],
        undefined,
        true,
      );
      return {
        quantized,
        indices,
        loss,
        decoded: quantizer.decode(indices),
        ...Object.fromEntries(grads.map((grad, index) => [`grad${index}`, grad ?? tf.scalar(0)])),
      };
    },
    { precision },
  );
  const draws = (seed: number): tf.Tensor3D => tf.tensor3d(randomNormal(randomKey(seed), 48), [...shape]);
  const uniform = tf.tensor3d(randomUniform(randomKey(9), 96), [2, 6, 8]);
  const values: Record<string, number[]> = {};
  for (const call of [0, 1]) {
    const results: Record<string, tf.Tensor> = await step(draws(call), uniform, draws(5), tf.scalar(0.7 + call));
    for (const [name, tensor] of Object.entries(results))
      values[`${name} of call ${call}`] = [...(await tensor.data())];
  }
  for (const [name, variable] of quantizer.namedVariables()) values[name] = [...(await variable.data())];
  step.dispose();
  quantizer.dispose();
  return values;
}

describe.skipIf(!hasOnnx)('compiled', () => {
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it.each(cases)('$name gives the same numbers', async (quantizerCase) => {
    const expected = await valuesOn('cpu', quantizerCase);
    const compiled = await valuesOn('onnx', quantizerCase);
    expect(Object.keys(compiled)).toEqual(Object.keys(expected));
    for (const [name, values] of Object.entries(expected)) {
      expect(tf.tensor1d(compiled[name]!), name).toBeAllClose(values, { rtol: 1e-4, atol: 1e-5 });
    }
  });

  it.each(cases.filter(({ name }) => /^(Vector|LookupFree|Gumbel|SimVector|BinarySpherical|IndexBack)/.test(name)))(
    '$name gives the same bits with products in bfloat16, which its own are not',
    async (quantizerCase) => {
      const exact = await valuesOn('onnx', quantizerCase);
      expect(await valuesOn('onnx', quantizerCase, 'bfloat16')).toEqual(exact);
    },
  );

  it.each(cases)('$name takes no index out of range for another code, and NaN for the same', async ({ create }) => {
    await useEngine({ name: 'onnx', onCompile: () => undefined });
    const { quantizer } = create();
    const { codebookSize, codeDepth } = quantizer;
    const decode = compile((indices: tf.Tensor) => quantizer.decode(indices as tf.Tensor2D));
    for (const index of [-1, codebookSize, -codebookSize, 2 ** 31 - 1, -(2 ** 31)]) {
      const indices = tf.fill(codeDepth === 1 ? [1, 1] : [1, 1, codeDepth], index, 'int32');
      const values = await decode(indices).then(
        (codes) => codes.data(),
        (error: Error) => error.message,
      );
      if (typeof values === 'string') expect(values).toMatch(/out of data bounds/);
      else expect([...values].every(Number.isNaN), `index ${index}`).toBe(true);
    }
    const broken = tf.tensor3d([NaN, 0.3, -0.2, 0.9, 0.1, 0.2, 0.3, 0.4, NaN, NaN, NaN, NaN, 0, 0, 0, NaN], [1, 4, 4]);
    const encode = (z: tf.Tensor3D): tf.Tensor => quantizer.quantize(z).indices;
    const found = [...(await (await compile(encode)(broken)).data())];
    await useEngine({ name: 'cpu' });
    expect(found).toEqual([...encode(broken).dataSync()]);
    expect(found.every((index) => index >= 0 && index < codebookSize)).toBe(true);
    quantizer.dispose();
  });

  it.each([
    ['shared', 'residual'],
    ['separate', 'residual'],
    ['shared', 'grouped'],
    ['separate', 'grouped'],
  ] as const)('starts and resets of %s %s codebooks give the same numbers', async (codebooks, kind) => {
    const codesOn = async (engine: 'cpu' | 'onnx'): Promise<number[][]> => {
      await useEngine({ name: engine, onCompile: () => undefined });
      const table = { kind: 'ema', codebookSize: 8, normalize: false, trackUsage: true } as const;
      const quantizer = createQuantizer(
        kind === 'residual'
          ? { kind, codeDepth: 2, codebooks, quantizer: { ...table, codeDim: 4 } }
          : { kind, groups: 2, codebooks, quantizer: { ...table, codeDim: 2 } },
        randomKey(3),
      );
      const codebook = quantizer.codebook!;
      const draws = (seed: number): tf.Tensor1D =>
        tf.tensor1d(randomUniform(randomKey(seed), codebook.tables.length * 8));
      const z = (seed: number): tf.Tensor3D => tf.tensor3d(randomNormal(randomKey(seed), 160), [1, 40, 4]);
      const start = compile((features: tf.Tensor3D, uniform: tf.Tensor1D) => {
        const mask = tf.cast(tf.less(tf.mod(tf.range(0, 40), 5), 4), 'float32');
        codebook.initialize(features, uniform, { kMeansIterations: 2, mask: tf.reshape(mask, [1, 40]) });
        return quantizer.quantize(features, { training: true }).loss;
      });
      const again = compile((features: tf.Tensor3D, uniform: tf.Tensor1D) => codebook.reset!(features, uniform));
      const values = [
        [...(await (await start(z(1), draws(5))).data())],
        [...(await (await again(z(2), draws(6))).data())],
      ];
      for (const variable of quantizer.namedVariables().values()) values.push([...(await variable.data())]);
      start.dispose();
      again.dispose();
      quantizer.dispose();
      return values;
    };
    const expected = await codesOn('cpu');
    const compiled = await codesOn('onnx');
    expect(compiled).toHaveLength(expected.length);
    expected.forEach((values, at) => {
      expect(tf.tensor1d(compiled[at]!)).toBeAllClose(values, { rtol: 1e-4, atol: 1e-5 });
    });
  });

  it('the start of a SimVectorQuantizer gives the same numbers', async () => {
    const variablesOn = async (engine: 'cpu' | 'onnx'): Promise<number[][]> => {
      await useEngine({ name: engine, onCompile: () => undefined });
      const quantizer = new SimVectorQuantizer(options);
      const start = compile((features: tf.Tensor2D, uniform: tf.Tensor1D) => {
        quantizer.codebook.initialize(features, uniform);
        return quantizer.codebook.rows();
      });
      const z = tf.tensor2d(randomNormal(randomKey(4), 160), [40, 4]);
      const values = [[...(await (await start(z, tf.fill([8], 0.5))).data())]];
      for (const variable of quantizer.namedVariables().values()) values.push([...(await variable.data())]);
      start.dispose();
      quantizer.dispose();
      return values;
    };
    const expected = await variablesOn('cpu');
    const compiled = await variablesOn('onnx');
    expect(compiled).toHaveLength(4);
    compiled.forEach((values, at) =>
      expect(tf.tensor1d(values)).toBeAllClose(expected[at]!, { rtol: 1e-4, atol: 1e-5 }),
    );
  });

  it('kMeans gives the same numbers', async () => {
    const centres = async (engine: 'cpu' | 'onnx'): Promise<number[]> => {
      await useEngine({ name: engine, onCompile: () => undefined });
      const step = compile((z: tf.Tensor2D, initial: tf.Tensor2D) => kMeans(z, initial, { iterations: 4 }));
      const z = tf.tensor2d(randomNormal(randomKey(4), 160), [40, 4]);
      const values = [...(await (await step(z, tf.slice(z, [0, 0], [5, 4]))).data())];
      step.dispose();
      return values;
    };
    const expected = await centres('cpu');
    expect(tf.tensor1d(await centres('onnx'))).toBeAllClose(expected, { rtol: 1e-4, atol: 1e-5 });
  });
});
