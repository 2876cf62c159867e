import '@vitvq/test-utils';
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { inFullPrecision } from '@vitvq/core';
import { afterAll, afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { audit } from '../src/audit/audit.js';
import { compile } from '../src/compile.js';
import { doctor, formatDoctorReport } from '../src/doctor.js';
import { useEngine } from '../src/engines.js';
import type { EngineName } from '../src/engines/engine-definition.js';
import { GraphBuilder } from '../src/ir/builder.js';
import type { Graph, HostType, NarrowType, Value } from '../src/ir/graph.js';
import { interpret } from '../src/ir/interpret.js';
import { roundNarrow } from '../src/ir/round-narrow.js';
import { OnnxBackend } from '../src/onnx/onnx-backend.js';
import { narrowProducts } from '../src/passes/narrow-products.js';
import { simplify } from '../src/passes/simplify.js';
import { precisionsOf } from '../src/precision.js';
import { flatten } from '../src/structure.js';
import { releaseCaptures, trace } from '../src/trace/trace.js';
import { plugin } from './pjrt-plugin.js';
import { hasWebGpu } from './webgpu.js';

afterEach(async () => {
  await useEngine({ name: 'cpu' });
});

/** Returns numbers in (-1, 1) that no narrow type holds. */
function numbers(shape: number[], seed: number): tf.Tensor {
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => Math.sin(12.9898 * (i + seed)));
  return tf.tensor(values, shape);
}

function graphOf(fn: (...values: tf.Tensor[]) => unknown, values: readonly tf.Tensor[]): Graph {
  const types = values.map(({ shape, dtype }) => ({ shape, dtype: dtype as HostType }));
  const traced = trace(fn, types, flatten([...values], 'fn').template, 'fn');
  releaseCaptures(traced);
  return traced.graph;
}

/** Types of the results of the products of a graph. */
function productTypes({ operations }: Graph): string[] {
  const products = operations.filter(({ kind }) => kind === 'dot_general' || kind === 'convolution');
  return products.map(({ results }) => results[0]!.dtype);
}

const kinds = ({ operations }: Graph): string[] => operations.map(({ kind }) => kind);

const [x, w] = [numbers([3, 4], 1), numbers([4, 4], 2)];

/** A loss whose gradient is differentiated once more, as that of R1 is. */
function secondOrder(product: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor) {
  return (a: tf.Tensor, b: tf.Tensor): tf.Tensor[] => {
    const steepness = (weights: tf.Tensor): tf.Scalar =>
      tf.sum(tf.square(tf.grad((images) => tf.sum(tf.square(product(images, weights))))(a)));
    const { value, grad } = tf.valueAndGrad((weights) => steepness(weights))(b);
    return [value, grad];
  };
}

describe('narrowProducts', () => {
  it.each(['bfloat16', 'float16'] as const)('computes products of every order of gradients in %s', (precision) => {
    const graph = graphOf(
      secondOrder((a, b) => tf.matMul(a, b)),
      [x, w],
    );
    const types = productTypes(narrowProducts(graph, precision));
    expect(types.length).toBeGreaterThan(4);
    expect(new Set(types)).toEqual(new Set([precision]));
    expect(narrowProducts(graph, precision).outputs.map(({ dtype }) => dtype)).toEqual(['float32', 'float32']);
  });

  it('leaves products in inFullPrecision, and those of their gradients of every order, float32', () => {
    const exact = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
      inFullPrecision(() => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D));
    const graph = graphOf(secondOrder(exact), [x, w]);
    expect(new Set(productTypes(narrowProducts(graph, 'bfloat16')))).toEqual(new Set(['float32']));
    expect(graph.operations.some(({ attributes }) => 'exact' in attributes)).toBe(true);
    for (const precision of ['float32', 'bfloat16'] as const) {
      expect(narrowProducts(graph, precision).operations.some(({ attributes }) => 'exact' in attributes)).toBe(false);
    }
  });

  it('leaves what stands beside inFullPrecision narrow', () => {
    const graph = graphOf(
      (a, b) => {
        const f = (v: tf.Tensor): tf.Scalar => {
          const scores = tf.matMul(v, b);
          return tf.sum(inFullPrecision(() => tf.matMul(scores, b as tf.Tensor2D)));
        };
        return tf.grad(f)(a);
      },
      [x, w],
    );
    const types = productTypes(narrowProducts(graph, 'bfloat16'));
    expect(types).toEqual(['bfloat16', 'float32', 'float32', 'bfloat16']);
  });

  it('leaves products of integers as they are', () => {
    const b = new GraphBuilder();
    const [p, q] = [b.input([2, 2], 'int32'), b.input([2, 2], 'int32')];
    const axes = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] };
    const graph = b.finish([b.dotGeneral(p, q, axes)]);
    expect(kinds(narrowProducts(graph, 'bfloat16'))).toEqual(['dot_general']);
  });
});

describe('simplify, on narrow values', () => {
  const narrow = (build: (b: GraphBuilder, v: Value) => Value): string[] => {
    const b = new GraphBuilder();
    const v = b.input([2, 3], 'float32');
    return kinds(simplify(b.finish([b.convert(build(b, v), 'float32')])));
  };
  const widened = (b: GraphBuilder, v: Value): Value => b.convert(b.convert(v, 'bfloat16'), 'float32');

  it('drops a conversion to float32 and back', () => {
    expect(narrow((b, v) => b.convert(widened(b, v), 'bfloat16'))).toEqual(['convert', 'convert']);
  });

  it('moves narrow values instead of converting them on the way', () => {
    const moved = narrow((b, v) => b.convert(b.transpose(b.reshape(widened(b, v), [3, 2]), [1, 0]), 'bfloat16'));
    expect(moved.filter((kind) => kind === 'convert')).toEqual(['convert', 'convert']);
  });

  it('keeps the conversion that rounds', () => {
    expect(narrow(widened)).toEqual(['convert', 'convert']);
    expect(narrow((b, v) => b.convert(widened(b, v), 'float16'))).toHaveLength(4);
  });

  it('rounds once what is rounded twice', () => {
    expect(narrow((b, v) => b.reducePrecision(b.reducePrecision(v, 'float16'), 'float16'))).toEqual([
      'reduce_precision',
    ]);
  });
});

describe('roundNarrow', () => {
  it.each<[NarrowType, number, number]>([
    ['bfloat16', 1 + 2 ** -8, 1],
    ['bfloat16', 1 + 3 * 2 ** -8, 1 + 2 ** -6],
    ['bfloat16', 1 + 2 ** -8 + 2 ** -20, 1 + 2 ** -7],
    ['bfloat16', 3.4e38, Infinity],
    ['bfloat16', -0, -0],
    ['float16', 1 + 2 ** -11, 1],
    ['float16', 1 + 3 * 2 ** -11, 1 + 2 ** -9],
    ['float16', 65519, 65504],
    ['float16', -65520, -Infinity],
    ['float16', 2 ** -25, 0],
    ['float16', 3 * 2 ** -25, 2 ** -23],
    ['float16', -(2 ** -24), -(2 ** -24)],
    ['float16', 2 ** -14 - 2 ** -26, 2 ** -14],
  ])('rounds to %s: %d becomes %d', (dtype, value, expected) => {
    expect(roundNarrow([value], dtype)[0]).toBe(expected);
  });

  it.each(['bfloat16', 'float16'] as const)('keeps NaN and infinities in %s', (dtype) => {
    expect([...roundNarrow([NaN, Infinity, -Infinity], dtype)]).toEqual([NaN, Infinity, -Infinity]);
  });
});

/** Products with batches, a strided convolution, and gradients towards all that they read. */
function layers(images: tf.Tensor, kernel: tf.Tensor, weights: tf.Tensor): tf.Tensor[] {
  const loss = (k: tf.Tensor, v: tf.Tensor): tf.Scalar => {
    const features = tf.conv2d(images as tf.Tensor4D, k as tf.Tensor4D, 2, 'same'); // [2, 2, 2, 4]
    const rows = tf.reshape(features, [2, 4, 4]);
    const scores = tf.softmax(tf.matMul(rows, rows, false, true));
    const mixed = tf.reshape(tf.matMul(scores, rows), [8, 4]);
    return tf.mean(tf.square(tf.matMul(tf.relu(mixed), v as tf.Tensor2D)));
  };
  const { value, grads } = tf.valueAndGrads((k, v) => loss(k, v))([kernel, weights]);
  return [value, ...grads];
}

/** A function and its arguments. */
interface Case {
  readonly fn: (...values: tf.Tensor[]) => tf.Tensor[];
  readonly values: tf.Tensor[];
}

const cases: Readonly<Record<'layers' | 'second order', Case>> = {
  layers: { fn: layers, values: [numbers([2, 4, 4, 3], 3), numbers([3, 3, 3, 4], 4), w] },
  'second order': {
    fn: secondOrder((a, b) => {
      const squares = tf.square(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D));
      return tf.matMul(squares, b);
    }),
    values: [x, w],
  },
};

const engines: { name: EngineName; isHere: boolean }[] = [
  { name: 'onnx', isHere: true },
  { name: 'pjrt', isHere: plugin !== '' },
];

for (const { name, isHere } of engines) {
  describe.skipIf(!isHere)(`narrow products on ${name}`, () => {
    const narrow = [...precisionsOf(name).keys()].filter((precision) => precision !== 'float32');
    const table = narrow.flatMap((precision) => Object.keys(cases).map((key) => [precision, key] as const));

    it.each(table)('are as exact as %s: %s', async (precision, key) => {
      const { fn, values } = cases[key as keyof typeof cases];
      const graph = graphOf(fn, values);
      const expected = interpret(narrowProducts(graph, precision), values);
      const exact = interpret(graph, values);
      await useEngine({ name });
      const outputs = await compile(fn, { precision })(...values);
      for (const [index, output] of outputs.entries()) {
        const digits = precision === 'bfloat16' ? 2 ** -7 : 2 ** -10;
        const largest = Math.max(...expected[index]!.abs().dataSync());
        const got = tf.tensor(await output.data(), output.shape);
        // Sums may be rounded in another order, and XLA may leave some roundings out.
        expect(got).toBeAllClose(expected[index]!, { rtol: 2 * digits, atol: 2 * digits * largest });
        const wrong = tf.max(tf.abs(tf.sub(got, exact[index]!))).dataSync()[0]!;
        expect(wrong).toBeGreaterThan(1e-6 * largest);
      }
    });
  });
}

// No program that imitates a GPU, and that ONNX Runtime takes, computes in float16.
it.skipIf(!hasWebGpu)('says that a device of onnx-webgpu has no float16', async () => {
  await useEngine({ name: 'onnx-webgpu' });
  const product = compile((a: tf.Tensor2D, b: tf.Tensor2D) => tf.matMul(a, b), { precision: 'float16' });
  await expect(product(x as tf.Tensor2D, w as tf.Tensor2D)).rejects.toThrow(
    /requires f16 but the device does not support it/,
  );
});

// The provider for CPUs has no kernels of float16, and converts to float32 and back by itself.
it('writes float16 for ONNX Runtime, on GPUs', async () => {
  const backend = new OnnxBackend({ threads: 1 });
  onTestFinished(() => backend.terminate());
  const { fn, values } = cases.layers;
  const graph = narrowProducts(graphOf(fn, values), 'float16');
  const expected = interpret(graph, values);
  const executable = backend.prepare({
    name: 'layers',
    graph,
    resultCount: graph.outputs.length,
    stateInputs: [],
    frozen: new Map(),
  });
  const inputs = values.map((value) =>
    backend.upload(value.dataSync<'float32'>(), { shape: value.shape, dtype: 'float32' }),
  );
  const { results } = backend.run(executable, inputs, [], 1);
  for (const [index, buffer] of results[0]!.entries()) {
    const largest = Math.max(...expected[index]!.abs().dataSync());
    const got = tf.tensor(await backend.read(buffer), [...buffer.shape]);
    expect(got).toBeAllClose(expected[index]!, { rtol: 2 ** -8, atol: 2 ** -8 * largest });
  }
});

describe('the precision of compile', () => {
  afterAll(() => tf.dispose([x, w]));

  it('is refused where an engine does not compute in it, with the engines that do', async () => {
    await useEngine({ name: 'cpu' });
    const step = compile((v: tf.Tensor) => tf.square(v), { name: 'step', precision: 'bfloat16' });
    await expect(step(x)).rejects.toThrow(
      'step: expected a precision of the engine "cpu": float32, got bfloat16. Take another precision, or an engine that has bfloat16: pjrt, onnx.',
    );
  });

  it('is known to audit and doctor', async () => {
    const double = (v: tf.Tensor): tf.Tensor => tf.mul(v, 2);
    await expect(audit(double, { arguments: [x], engine: 'cpu', precision: 'float16' })).rejects.toThrow(
      /double: expected a precision of the engine "cpu": float32, got float16/,
    );
    const fine = await audit(double, { arguments: [x], engine: 'onnx', precision: 'float16' });
    expect(fine.findings).toEqual([]);
    const report = await doctor();
    const { precisions } = report.engines.find(({ name }) => name === 'onnx')!;
    expect(precisions).toEqual(['float32', 'bfloat16', 'float16']);
    expect(formatDoctorReport(report)).toContain('precision: float32, bfloat16, float16');
  });

  it('is one of three', () => {
    expect(() => compile((v: tf.Tensor) => v, { name: 'step', precision: 'int8' as 'float16' })).toThrow(
      /step: expected precision to be one of float32, bfloat16, float16, got "?int8/,
    );
  });

  it('shows in the text of a function', () => {
    const text = compile((a: tf.Tensor2D, b: tf.Tensor2D) => tf.matMul(a, b), { precision: 'bfloat16' }).text(
      x as tf.Tensor2D,
      w as tf.Tensor2D,
    );
    expect(text).toMatch(/dot_general.*: bfloat16\[3x4\]/);
  });
});
