/** Runs every operation on an engine, as plain TensorFlow.js computes it on the cpu backend. */
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { edgeCases } from './edge-cases.js';
import { operationCases, uniform, type OperationCase, type TensorFunction } from './operations.js';

/** Computes a function of tensors on an engine. The caller disposes of the results. */
export type Runner = (run: (...inputs: tf.Tensor[]) => tf.Tensor[], inputs: tf.Tensor[]) => Promise<tf.Tensor[]>;

/** Computes a function on the engine in use. */
const runCompiled: Runner = async (run, inputs) => {
  const compiled = compile(run, { name: 'operation' });
  try {
    return await compiled(...inputs);
  } finally {
    compiled.dispose();
  }
};

/** What is computed of an operation: its values, its gradient, or the gradient of that. */
type Order = 0 | 1 | 2;
const labels = ['', 'gradient of ', 'second-order gradient of '] as const;

/** Returns the orders up to which an operation is differentiated. */
function ordersOf({ differentiable, highestOrder }: OperationCase): readonly Order[] {
  return differentiable ? ([0, 1, 2] as const).filter((order) => order <= (highestOrder ?? 2)) : [0];
}

/** Options of {@link sweepOperations}. */
interface SweepOptions {
  /** Computes on the engine. @default on the one that `useEngine` has started */
  readonly run?: Runner;
  /** Whether the engine compiles functions or runs them as they are. @default 'compiled' */
  readonly kind?: 'compiled' | 'eager';
  /** @default all cases */
  readonly cases?: readonly OperationCase[];
}

/**
 * Defines a test of every operation: its values, its gradient and its second-order gradient on an
 * engine are those of plain TensorFlow.js, at ordinary values and at the edges.
 * @param engine  name of the engine, by which `differs` of a case knows it
 */
export function sweepOperations(
  engine: string,
  { run = runCompiled, kind = 'compiled', cases = [...operationCases, ...edgeCases] }: SweepOptions = {},
): void {
  const tests = cases.flatMap((operation) =>
    ordersOf(operation).map((order) => [labels[order] + operation.name, operation, order] as const),
  );
  describe(`as plain TensorFlow.js: ${engine}`, () => {
    it.each(tests)('%s', async (_, operation, order) => {
      const inputs = onCpu(() => operation.inputs());
      const rightRun = operation.reference?.run ?? operation.run;
      const projections = onCpu(() => projectionsOf(rightRun, inputs, order));
      const fn = differentiated(operation.run, projections, order);
      const reason = operation.differs?.[engine] ?? operation.differs?.[kind];
      if (operation.refused) {
        expect(() => onCpu(() => fn(...inputs))).toThrow();
        if (reason === undefined) await expect(run(fn, inputs)).rejects.toThrow(operation.refused);
        else await expect(run(fn, inputs), `it is refused, though ${reason}`).resolves.toBeDefined();
        return;
      }
      const right = differentiated(rightRun, projections, order);
      const expected = onCpu(() => tf.tidy(() => right(...inputs)).map(hostOf));
      const results = (await run(fn, inputs)).map(hostOf);
      const given = inputs.map((input) => input.dataSync());
      const problems = results.flatMap((result, index) =>
        differences(result, expected[index]!, toleranceOf(operation, order), given).map(
          (each) => `output ${index}${each}`,
        ),
      );
      if (results.length !== expected.length) problems.push(`${results.length} outputs instead of ${expected.length}`);
      if (reason === undefined) expect(problems.length, problems.slice(0, 12).join('\n')).toBe(0);
      else expect(problems.length, `it differs no longer, though ${reason}`).toBeGreaterThan(0);
      tf.dispose(inputs);
    });
  });
}

/** Runs eager code on the cpu backend, the oracle, whatever the active one is. */
function onCpu<T>(run: () => T): T {
  const before = tf.getBackend();
  void tf.setBackend('cpu'); // synchronous, as the backend exists
  try {
    return run();
  } finally {
    void tf.setBackend(before);
  }
}

/** Random weights of the outputs of each order below the last. */
function projectionsOf(run: TensorFunction, inputs: tf.Tensor[], order: Order): tf.Tensor[][] {
  const projections: tf.Tensor[][] = [];
  for (let below = 0; below < order; below++) {
    const fn = differentiated(run, projections, below as Order, order);
    const shapes = tf.tidy(() => fn(...inputs).map(({ shape }) => shape));
    projections.push(shapes.map((shape) => uniform(shape, 0.5, 1.5)));
  }
  return projections;
}

/**
 * Returns the gradient, of an order, of a weighted sum of all outputs with respect to all inputs.
 * @param highest  where it is 2, outputs are squared, so that linear operations have a second order
 */
function differentiated(
  run: TensorFunction,
  projections: readonly (readonly tf.Tensor[])[],
  order: Order,
  highest: Order = order,
): (...inputs: tf.Tensor[]) => tf.Tensor[] {
  if (order === 0) {
    const outputs = (...inputs: tf.Tensor[]): tf.Tensor[] => [run(...inputs)].flat();
    return highest === 2 ? (...inputs) => outputs(...inputs).map((output) => tf.square(output)) : outputs;
  }
  const below = differentiated(run, projections, (order - 1) as Order, highest);
  const weights = projections[order - 1]!;
  return (...inputs) =>
    tf.grads((...xs: tf.Tensor[]) =>
      tf.addN(below(...xs).map((output, index) => tf.sum(tf.mul(output, weights[index]!)))),
    )(inputs);
}

/** The values of a tensor. */
interface HostValues {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  readonly values: ArrayLike<number>;
}

function hostOf(tensor: tf.Tensor): HostValues {
  const { shape, dtype } = tensor;
  const values = tensor.dataSync().slice();
  tensor.dispose();
  return { shape, dtype, values };
}

interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

function toleranceOf({ tolerance }: OperationCase, order: Order): Tolerance {
  if (!tolerance) return order === 0 ? { rtol: 1e-5, atol: 1e-5 } : { rtol: 1e-4, atol: 1e-4 };
  return { rtol: tolerance.rtol * 10 ** order, atol: tolerance.atol * 10 ** order };
}

/**
 * Describes where two tensors differ; NaN equals NaN, and infinities only themselves.
 * @param given  values of the inputs, which are told where each result has its own
 */
function differences(
  got: HostValues,
  expected: HostValues,
  { rtol, atol }: Tolerance,
  given: readonly ArrayLike<number>[],
): string[] {
  const typeOf = ({ dtype, shape }: HostValues): string => `${dtype} [${shape.join()}]`;
  if (typeOf(got) !== typeOf(expected)) return [`: ${typeOf(got)} instead of ${typeOf(expected)}`];
  const isElementwise = given.every(({ length }) => length === expected.values.length);
  return Array.from(expected.values).flatMap((goal, index) => {
    const value = got.values[index]!;
    const isSame = value === goal || (Number.isNaN(value) && Number.isNaN(goal));
    const isFinite = Number.isFinite(value) && Number.isFinite(goal);
    if (isSame || (isFinite && Math.abs(value - goal) <= atol + rtol * Math.abs(goal))) return [];
    const operands = isElementwise ? ` of ${given.map((values) => values[index]).join(', ')}` : '';
    return [`, element ${index}${operands}: ${value} instead of ${goal}`];
  });
}
