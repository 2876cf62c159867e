import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { composite, ConfigError } from '@vitvq/core';
import { testOptions } from '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit, formatAuditReport, type AuditFinding } from '../src/audit/audit.js';
import { compile } from '../src/compile.js';
import { useEngine } from '../src/engines.js';
import { CompileError, EngineError } from '../src/errors.js';
import { operationCases } from './operations.js';

beforeAll(async () => {
  await useEngine({ name: 'onnx', threads: 1 });
});
afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

const image = (): tf.Tensor4D => tf.ones([1, 4, 4, 2]);
const resized = (x: tf.Tensor): tf.Tensor => tf.image.resizeBilinear(x as tf.Tensor4D, [8, 8]);
const kernel = tf.tidy(() => tf.variable(tf.ones<tf.Rank.R4>([2, 2, 2, 2])));
/** Sum of a function, of which there is a gradient. */
const lossOf =
  (fn: (x: tf.Tensor) => tf.Tensor) =>
  (x: tf.Tensor): tf.Scalar =>
    tf.sum<tf.Scalar>(fn(x));
/** A penalty on a gradient, as R1: its own gradient is of the second order. */
const penaltyOf =
  (fn: (x: tf.Tensor) => tf.Tensor) =>
  (x: tf.Tensor): tf.Tensor =>
    tf.grad((y: tf.Tensor) => tf.sum(tf.square(tf.grad(lossOf(fn))(y))))(x);

const summary = ({ operation, missing }: AuditFinding): string => `${operation}: ${missing}`;

/** Calls one operation of each kind that is missing, and some that are not. */
function step(x: tf.Tensor): tf.Tensor[] {
  const dilated = (y: tf.Tensor): tf.Tensor => tf.conv2d(y as tf.Tensor4D, kernel, 1, 'same', 'NHWC', 2);
  return [
    tf.relu(x),
    resized(x),
    tf.grad(lossOf((y) => tf.prod(y, 1)))(x),
    tf.grad(lossOf(dilated))(x),
    penaltyOf((y) => tf.topk(tf.tanh(y), 1).values)(x),
    penaltyOf((y) => tf.prelu(y, tf.scalar(0.5)))(x),
    tf.stridedSlice(x, [0, 3, 0, 0], [1, 0, 4, 2], [1, -1, 1, 1]),
  ];
}

describe('audit', () => {
  it('names everything that is missing at once, with its place and what to write instead', async () => {
    const { findings, engine, calls, endedBy } = await audit(step, { arguments: [image()] });
    expect([engine, endedBy]).toEqual(['onnx', undefined]);
    expect(calls).toBeGreaterThan(20);
    expect(findings.map(summary)).toEqual(
      expect.arrayContaining([
        'ResizeBilinear: kernel',
        'Prod: gradient',
        'Conv2D: gradient',
        'Prelu: kernel',
        'StridedSlice: kernel',
      ]),
    );
    expect(findings.map(summary)).not.toContain('Relu: kernel');
    for (const { at, calls: times, instead } of findings) {
      expect(at).toMatch(/^at .*audit\.test\.ts:\d+:\d+\)?$/);
      expect(times).toBeGreaterThan(0);
      expect(instead).toMatch(/\.$/);
    }
    const details = Object.fromEntries(findings.map((finding) => [summary(finding), finding.detail]));
    expect(details['Prod: gradient']).toContain('Cumprod has no kernel');
    expect(details['Conv2D: gradient']).toContain('dilation rates greater than 1');
    expect(details['StridedSlice: kernel']).toContain('expected positive strides');
  });

  it('counts the calls from one place', async () => {
    const many = (x: tf.Tensor): tf.Tensor[] => [1, 2, 3].map(() => resized(x));
    const { findings } = await audit(many, { arguments: [image()], engine: 'onnx' });
    expect(findings.map(({ operation, calls }) => [operation, calls])).toEqual([['ResizeBilinear', 3]]);
  });

  it('tells a second-order gradient from the first, and where the operation was called', async () => {
    const pooled = (x: tf.Tensor): tf.Tensor => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid');
    const once = await audit(tf.grad(lossOf(pooled)), { arguments: [image()], engine: 'cpu' });
    expect(once.findings).toEqual([]);
    const twice = await audit(penaltyOf(pooled), { arguments: [image()], engine: 'cpu' });
    expect(twice.findings.map(summary)).toEqual(['MaxPool: second-order gradient']);
    expect(twice.findings[0]).toMatchObject({
      at: expect.stringMatching(/^at pooled .*audit\.test\.ts:\d+/) as string,
      detail: 'MaxPoolGrad: it has no gradient',
    });
  });

  it('knows what the kernels of each engine are', async () => {
    const onCpu = await audit(step, { arguments: [image()], engine: 'cpu' });
    expect(onCpu.findings.map(summary)).not.toContain('ResizeBilinear: kernel');
    expect(onCpu.findings.map(summary)).not.toContain('Prod: gradient');
    expect(onCpu.findings.map(summary)).toContain('Conv2D: gradient');
  });

  it('finds nothing in what compiles, and leaves everything as it was', async () => {
    const weight = tf.tidy(() => tf.variable(tf.ones([2, 2])));
    const train = (x: tf.Tensor2D): tf.Tensor => {
      const { value, grads } = tf.variableGrads(
        () => tf.mean(tf.softplus(tf.matMul(x, weight as tf.Tensor2D))),
        [weight],
      );
      weight.assign(tf.sub(weight, grads[weight.name]!));
      return value;
    };
    const x = tf.ones<tf.Rank.R2>([3, 2]);
    await audit(train, { arguments: [x] });
    const before = [tf.memory().numTensors, Error.stackTraceLimit, tf.getBackend(), Object.keys(tf.engine()).join()];
    const report = await audit(train, { arguments: [x] });
    expect(report.findings).toEqual([]);
    const after = [tf.memory().numTensors, Error.stackTraceLimit, tf.getBackend(), Object.keys(tf.engine()).join()];
    expect(after).toEqual(before);
    expect([...weight.dataSync()]).toEqual([1, 1, 1, 1]);
    await expect(compile(resized)(image())).rejects.toThrow(/the TensorFlow\.js kernel ResizeBilinear/);
  });

  it.each(operationCases.map((operation) => [operation.name, operation] as const))(
    'agrees with what happens to %s',
    async (_, { inputs, run, differentiable, highestOrder = differentiable ? 2 : 0 }) => {
      const outputs = (...xs: tf.Tensor[]): tf.Tensor => tf.addN([run(...xs)].flat().map((y) => tf.sum(tf.square(y))));
      const once = (...xs: tf.Tensor[]): tf.Tensor[] => tf.grads(outputs)(xs);
      const twice = (...xs: tf.Tensor[]): tf.Tensor[] =>
        tf.grads((...ys: tf.Tensor[]) => tf.addN(once(...ys).map((y) => tf.sum(tf.square(y)))))(xs);
      const fn = [(...xs: tf.Tensor[]) => run(...xs), once, twice][highestOrder]!;
      expect((await audit(fn, { arguments: inputs() })).findings).toEqual([]);
    },
  );

  it('looks into composites and custom gradients', async () => {
    const custom = (x: tf.Tensor): tf.Tensor =>
      tf.grad((y: tf.Tensor) =>
        tf.customGrad((z) => ({
          value: tf.neg(z as tf.Tensor),
          gradFunc: () => tf.mean(resized(z as tf.Tensor), [0, 1]),
        }))(y),
      )(x);
    const report = await audit((x: tf.Tensor) => [composite('named', {}, [x], (y) => [resized(y)])[0]!, custom(x)], {
      arguments: [image()],
    });
    const found = report.findings.map(summary);
    expect(found).toContain('ResizeBilinear: kernel');
    expect(found.filter((each) => each.endsWith(': gradient')).length).toBe(2); // no kernel, and no fitting shape
  });

  it('says how far it came where it cannot go on', async () => {
    const reading = (x: tf.Tensor): tf.Tensor => tf.scalar(resized(x).dataSync()[0]!);
    const { findings, endedBy } = await audit((x: tf.Tensor) => tf.scalar(tf.neg(reading(x)).arraySync() as number), {
      arguments: [image()],
    });
    expect(findings.map(summary)).toEqual(['ResizeBilinear: kernel']);
    expect(endedBy).toMatch(/traced tensor \[\]/);
    await expect(audit((x: tf.Tensor) => tf.scalar(x.dataSync()[0]!), { arguments: [image()] })).rejects.toThrow(
      CompileError,
    );
  });

  it('refuses an engine that does not exist or is not here', async () => {
    const options = { arguments: [image()] as [tf.Tensor] };
    await expect(audit(resized, { ...options, engine: 'cuda' as never })).rejects.toThrow(
      /audit: expected one of the engines .*, got "cuda"/,
    );
    await expect(audit(resized, { ...options, engine: 'webgl' })).rejects.toThrow(EngineError);
    await expect(audit(resized, {} as never)).rejects.toThrow(ConfigError);
  });

  it('is formatted for a terminal', async () => {
    const report = await audit(resized, { arguments: [image()], name: 'resized' });
    expect(formatAuditReport(report)).toMatch(
      /^engine onnx can compute all but 1 of what it calls \(kernels called: 1\)\n\nResizeBilinear: no kernel, called at resized \(.*\)\n {2}ResizeBilinear has no kernel\n {2}Resize images on the host/,
    );
    const nothing = await audit((x: tf.Tensor) => tf.neg(x), { arguments: [image()] });
    expect(formatAuditReport(nothing)).toBe('engine onnx can compute all that the function calls (kernels called: 1)');
    expect(formatAuditReport({ ...report, endedBy: 'a reason' })).toContain('was not looked at: a reason');
  });
});

testOptions({ audit: { create: (options) => audit(resized, options), option: 'arguments' } });
