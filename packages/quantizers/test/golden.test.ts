import '@vitvq/test-utils';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { randomKey, type QuantizeContext, type Quantizer } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { createQuantizer, type QuantizerConfig } from '../src/index.js';

type Values = Readonly<Record<string, number[]>>;

/** Case of the scripts in golden/; quantizers.py says what each field is. */
interface GoldenCase {
  readonly name: string;
  readonly config: QuantizerConfig;
  readonly shape: readonly [number, number, number];
  readonly z: number[];
  readonly cotangent: number[];
  readonly target: number[];
  readonly weights: Values;
  readonly quantized: number[];
  readonly indices: number[];
  readonly loss: number;
  readonly gradients: { readonly loss: Values; readonly quantized: Values };
  /** Uniform noise and its shape, where the quantizer draws. */
  readonly noise?: number[];
  readonly noiseShape?: number[];
  /** Which tokens are real, where some are padding. */
  readonly mask?: number[];
  /** What decoding gives, where that differs from `quantized`. */
  readonly codes?: number[];
  readonly rate: number;
  readonly losses: number[];
  readonly trained: Values;
}

const cases = ['quantizers.json', 'groups-and-options.json'].flatMap((file) => {
  const text = readFileSync(new URL(`golden/${file}`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly cases: readonly GoldenCase[] }).cases;
});

/** Others add 1e-8 to probabilities of which they take the logarithm. */
const close = { rtol: 1e-5, atol: 1e-6 };

/** Returns values in the layout of a variable: PyTorch keeps linear weights as `[out, in]`. */
function laidOut(name: string, values: number[], shape: number[]): tf.Tensor {
  return name === 'transform.weight' ? tf.transpose(tf.tensor(values, shape)) : tf.tensor(values, shape);
}

function create({ config, weights }: GoldenCase): Quantizer {
  const quantizer = createQuantizer(config, randomKey(0));
  const variables = quantizer.namedVariables();
  expect([...variables.keys()].sort()).toEqual(Object.keys(weights).sort());
  for (const [name, variable] of variables) variable.assign(laidOut(name, weights[name]!, variable.shape));
  return quantizer;
}

describe.each(cases)('$name', (golden) => {
  const features = (): tf.Tensor3D => tf.tensor3d(golden.z, [...golden.shape]);
  const context = (): QuantizeContext => ({
    training: true,
    noise: golden.noise && tf.tensor(golden.noise, golden.noiseShape),
    mask: golden.mask && tf.tensor2d(golden.mask, [golden.shape[0], golden.shape[1]]),
  });

  it('gives the same codes, indices and loss', () => {
    const quantizer = create(golden);
    const { quantized, indices, loss } = quantizer.quantize(features(), context());
    expect([...indices.dataSync()]).toEqual(golden.indices);
    expect(tf.reshape(quantized, [-1])).toBeAllClose(golden.quantized, close);
    expect(loss).toBeAllClose(golden.loss, close);
    expect(tf.reshape(quantizer.decode(indices), [-1])).toBeAllClose(golden.codes ?? golden.quantized, close);
    quantizer.dispose();
  });

  it.each(['loss', 'quantized'] as const)('has the same gradients of %s', (of) => {
    const quantizer = create(golden);
    const variables = quantizer.namedTrainableVariables();
    const z = features();
    const cotangent = tf.tensor3d(golden.cotangent, [...golden.shape]);
    const { grads } = tf.engine().gradients(
      () => {
        const { quantized, loss } = quantizer.quantize(z, context());
        return of === 'loss' ? loss : tf.sum(tf.mul(quantized, cotangent));
      },
      [z, ...variables.values()],
      undefined,
      true,
    );
    const expected = golden.gradients[of];
    ['z', ...variables.keys()].forEach((name, index) => {
      const found = grads[index];
      expect(Boolean(found), name).toBe(name in expected);
      if (found) expect(found).toBeAllClose(laidOut(name, expected[name]!, found.shape), close);
    });
    quantizer.dispose();
  });

  it('trains alike', () => {
    const quantizer = create(golden);
    const z = tf.variable(features());
    const target = tf.tensor3d(golden.target, [...golden.shape]);
    const trained = new Map<string, tf.Variable>([['z', z], ...quantizer.namedTrainableVariables()]);
    const optimizer = tf.train.sgd(golden.rate);
    const losses = golden.losses.map(() => {
      const step = (): tf.Scalar => {
        const { quantized, loss } = quantizer.quantize(z, context());
        return tf.add(tf.mean(tf.squaredDifference(quantized, target)), loss);
      };
      return optimizer.minimize(step, true, [...trained.values()])!.dataSync()[0]!;
    });
    expect(tf.tensor1d(losses)).toBeAllClose(golden.losses, close);
    expect([...trained.keys()].sort()).toEqual(Object.keys(golden.trained).sort());
    for (const [name, variable] of trained) {
      expect(variable).toBeAllClose(laidOut(name, golden.trained[name]!, variable.shape), close);
    }
    optimizer.dispose();
    z.dispose();
    quantizer.dispose();
  });
});
