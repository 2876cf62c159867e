import '@vitvq/test-utils';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useEngine } from '../src/engines.js';
import { convolutionsWith, derivatives, otherWindowsWith, paddings, type WindowCase } from './convolutions.js';
import { uniform } from './operations.js';
import { sweepOperations, type Runner } from './sweep-operations.js';

// TensorFlow is installed by `npm run check-tensorflow`, which runs these tests.
const isSkipped = process.env['VITVQ_TEST_ENGINE'] !== 'tensorflow';

type Run = (...inputs: tf.Tensor[]) => tf.Tensor[];

/** Expects the same of a function on TensorFlow and in plain JavaScript. */
async function expectSame(inputs: tf.Tensor[], run: Run, expected: Run, rtol: number, atol = rtol): Promise<void> {
  await tf.setBackend('cpu');
  const values = tf.tidy(() =>
    expected(...inputs).map((value) => ({ dtype: value.dtype, host: value.arraySync(), value: tf.keep(value) })),
  );
  await tf.setBackend('tensorflow');
  const before = tf.memory().numTensors;
  const results = tf.tidy(() => run(...inputs));
  expect(tf.memory().numTensors - before, 'tensors that stay').toBe(results.length);
  results.forEach((result, index) => {
    expect(result.dtype, `dtype of output ${index}`).toBe(values[index]!.dtype);
    expect(result, `output ${index}`).toBeAllClose(values[index]!.value, { rtol, atol });
  });
}

/** Computes a function where it is, on TensorFlow. */
const runEagerly: Runner = async (run, inputs) => {
  await tf.setBackend('tensorflow');
  return tf.tidy(() => run(...inputs));
};

/** What TensorFlow computes in a way of its own, by the name of the test. */
const differences: Readonly<Record<string, string>> = {
  'argMax of NaN at each place': 'a NaN in the first place is passed over as in any other',
  'argMin of NaN at each place': 'a NaN in the first place is passed over as in any other',
  'cast of large numbers to int32': 'what int32 cannot hold becomes 0',
  'floorDiv of special numbers': 'quotients below 1.2e-38 are 0 before they are rounded down',
  'gradient of div of special numbers': 'numbers below 1.2e-38 count as 0 on the way',
  'pow of special numbers': 'the power of 1 is 1 and that of -1 to infinity too (IEEE 754); JavaScript alone has NaN',
  'sum, mean, prod of what float32 cannot hold on the way': 'it adds and multiplies in float32',
};
describe.skipIf(isSkipped)('TensorFlow', () => {
  beforeAll(async () => {
    await useEngine({ name: 'cpu' }); // mends its kernels too
    await useEngine({ name: 'tensorflow' });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  sweepOperations('tensorflow', { run: runEagerly, kind: 'eager', differs: differences });

  const expectWindows = (cases: readonly WindowCase[], orders: 1 | 2) =>
    expectSame(
      cases.flatMap((each) => each.inputs()),
      derivatives(cases, 'run', orders),
      derivatives(cases, 'expected', orders),
      1e-4,
      1e-3,
    );

  it.each(paddings)('convolves with padding %s, with first and second gradients', (_, padding) =>
    expectWindows(convolutionsWith(padding), 2),
  );

  it.each(paddings)('moves other windows with padding %s', (_, padding) => expectWindows(otherWindowsWith(padding), 1));

  const edges: Record<string, Run> = {
    'integers of what is no integer': () => [tf.cast(tf.tensor1d([NaN, Infinity, -Infinity, 2.7, -2.7]), 'int32')],
    'division of integers by zero': () => [
      tf.floorDiv(tf.tensor1d([1, -1, 7], 'int32'), tf.tensor1d([0, 2, -2], 'int32')),
    ],
    'rounded integers': () => [tf.round(tf.tensor1d([3, -2], 'int32'))],
    'order of booleans': () => {
      const [a, b] = [tf.tensor1d([true, false, true], 'bool'), tf.tensor1d([false, false, true], 'bool')];
      return [tf.less(a, b), tf.lessEqual(a, b), tf.greater(a, b), tf.greaterEqual(a, b), tf.max(a), tf.min(a)];
    },
    'kinds of integers': () => {
      const x = tf.tensor1d([1, 0], 'int32');
      return [tf.isNaN(x), tf.isInf(x), tf.isFinite(x)];
    },
    'segments that are not there': () => [
      tf.unsortedSegmentSum(tf.tensor1d([1, 2, 4], 'int32'), tf.tensor1d([5, -1, 1], 'int32'), 2),
    ],
    'elu near 0': () => [tf.mul(tf.elu(tf.tensor1d([-1e-8, 1e-8, -1])), 1e8)],
    'remainders of integers by zero': () => [
      tf.mod(tf.tensor1d([1, -3, 7], 'int32'), tf.tensor1d([0, 2, -2], 'int32')),
    ],
    ranges: () => [tf.range(5, 0), tf.range(3, 0, 2), tf.range(0, 3, 0.5, 'int32'), tf.range(0.1, 0.7, 0.2)],
    'reductions of nothing': () => {
      const x = tf.zeros([0, 3]);
      const nothing = [tf.mean(x, 0), tf.all(tf.greater(x, 0), 0), tf.argMax(x, 0), tf.argMin(x, 0)];
      return [...nothing, tf.isNaN(tf.max(x, 0)), tf.isNaN(tf.min(x, 0))];
    },
    'convolution of no image': () => [tf.conv2d(tf.zeros<tf.Rank.R4>([0, 5, 5, 2]), tf.ones([3, 3, 2, 4]), 1, 'same')],
    'sign of NaN': () => [tf.sign(tf.tensor1d([NaN, -3]))],
  };
  it.each(Object.entries(edges))('%s', (_, run) => expectSame([], run, run, 1e-5));

  it('takes tensors of another backend, indices and tensors that share data among them', async () => {
    await tf.setBackend('cpu');
    const [column, indices] = [tf.reshape(tf.tensor1d([1, 2, 3]), [3, 1]), tf.tensor1d([2, 0], 'int32')];
    const run: Run = (x, at) => [tf.matMul(x, tf.ones([1, 2])), tf.add(x, tf.ones([1, 2])), tf.gather(x, at)];
    await expectSame([column, indices], run, run, 1e-6);
  });

  it('rounds the size of the output as asked for', () => {
    const x = uniform([1, 6, 6, 1]);
    const w = uniform([3, 3, 1, 1]);
    const convolve =
      (...modes: ('floor' | 'round' | 'ceil')[]): Run =>
      (image, filter) =>
        modes.map((mode) => tf.conv2d(image as tf.Tensor4D, filter as tf.Tensor4D, 2, 1, 'NHWC', 1, mode));
    const run = convolve('floor', 'round', 'ceil');
    return expectSame([x, w], run, run, 1e-5);
  });
});

/** Runs a program in a process of its own, where TensorFlow is not loaded yet. */
function inProcess(program: string, environment: NodeJS.ProcessEnv = {}): { stdout: string; stderr: string } {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=@vitvq/source', '--input-type=module', '-e', program],
    { encoding: 'utf8', cwd: join(import.meta.dirname, '..'), env: { ...process.env, ...environment } },
  );
  return { stdout, stderr };
}

describe.skipIf(isSkipped)('loading TensorFlow', () => {
  const start = (options: string): string => `
    import { readdirSync } from 'node:fs';
    import { useEngine } from '@vitvq/engine';
    const before = readdirSync('/proc/self/task').length;
    const { threads } = await useEngine(${options});
    console.log(threads, readdirSync('/proc/self/task').length - before);
  `;

  it.skipIf(process.platform !== 'linux')('computes with the threads that are asked for', () => {
    const unset = { TF_NUM_INTRAOP_THREADS: undefined, TF_NUM_INTEROP_THREADS: undefined };
    // One pool for the parts of an operation and one for operations.
    expect(inProcess(start("{ name: 'tensorflow', threads: 3 }"), unset).stdout).toBe('3 6\n');
    const environment = { TF_NUM_INTRAOP_THREADS: '5', TF_NUM_INTEROP_THREADS: '2' };
    expect(inProcess(start("{ name: 'tensorflow' }"), environment).stdout).toBe('5 7\n');
  });

  it('refuses other threads once it is loaded', () => {
    const again = "await useEngine({ name: 'tensorflow', threads: 2 }).catch(({ message }) => console.log(message));";
    expect(inProcess(start("{ name: 'tensorflow', threads: 1 }") + again).stdout).toContain(
      'expected threads to be 1, with which "tensorflow" was loaded in this process, got 2',
    );
  });

  it('says no more than that it has oneDNN, which it says before it reads how much to say', () => {
    const { stderr } = inProcess(start("{ name: 'tensorflow' }"));
    const lines = stderr.trim().split('\n');
    expect(lines.filter((line) => !/absl::InitializeLog|oneDNN custom operations/.test(line))).toEqual([]);
    expect(inProcess(start("{ name: 'tensorflow' }"), { TF_CPP_MIN_LOG_LEVEL: '0' }).stderr).toMatch(
      /cpu_feature_guard/,
    );
  });

  it('names its versions, and looks for no GPU where there is no driver', () => {
    const doctor = "console.log(JSON.stringify((await (await import('@vitvq/engine')).doctor()).engines));";
    const { stdout } = inProcess(`${start("{ name: 'tensorflow' }")}${doctor}`);
    const engines = JSON.parse(stdout.split('\n')[1]!) as { name: string; detail: string }[];
    const detail = (name: string) => engines.find((engine) => engine.name === name)!.detail;
    expect(detail('tensorflow')).toBe('TensorFlow 2.21.0 through @tensorflow/tfjs-node 4.22.0');
    expect(detail('tensorflow-gpu')).toBe('@tensorflow/tfjs-node-gpu is not installed');
  });
});
