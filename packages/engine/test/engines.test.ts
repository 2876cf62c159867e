import '@vitvq/test-utils';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { compile } from '../src/compile.js';
import { doctor, formatDoctorReport } from '../src/doctor.js';
import { currentEngine, useEngine } from '../src/engines.js';
import { engineNames, type EngineName } from '../src/engines/engine-definition.js';
import { EngineError } from '../src/errors.js';
import { runProgramOfUser as run } from './run-program.js';

// Engines that were installed on this machine are not looked at.
beforeAll(() => {
  vi.stubEnv('VITVQ_PJRT_PLUGIN', '');
  vi.stubEnv('VITVQ_CACHE', join(tmpdir(), 'vitvq-no-such-cache'));
});
afterEach(async () => {
  await useEngine({ name: 'cpu' });
});

describe('useEngine', () => {
  it('chooses the compiled engine here, and says what the ones before it lack', async () => {
    const engine = await useEngine({ threads: 1 });
    expect(engine.name).toBe('onnx');
    expect(engine.reason).toMatch(
      /first that works here \(pjrt: .*; tensorflow-gpu: @tensorflow\/tfjs-node-gpu is not installed\)/,
    );
    expect(currentEngine()).toBe(engine);
  });

  it('refuses an engine that is absent, with how to get it', async () => {
    await expect(useEngine({ name: 'tensorflow' })).rejects.toThrow(EngineError);
    await expect(useEngine({ name: 'tensorflow' })).rejects.toThrow(
      /the engine "tensorflow" to work here, got @tensorflow\/tfjs-node is not installed\. npx .* vitvq engine install tensorflow$/,
    );
    await expect(useEngine({ name: 'webgpu' })).rejects.toThrow(/there is no navigator\.gpu/);
    await expect(useEngine({ name: 'webgl' })).rejects.toThrow(/there is no canvas/);
  });

  it('refuses names and threads that make no sense', async () => {
    await expect(useEngine({ name: 'cuda' as EngineName })).rejects.toThrow(
      /one of auto, pjrt, tensorflow-gpu, onnx.*got "cuda"/,
    );
    await expect(useEngine({ name: 'onnx', threads: 0 })).rejects.toThrow(
      /threads to be a whole number of at least 1, got 0/,
    );
  });

  it('brings variables along when the engine changes', async () => {
    await useEngine({ name: 'onnx', threads: 1 });
    const weight = tf.variable(tf.tensor1d([1, 2]));
    const double = compile(() => weight.assign(tf.mul(weight, 2)));
    await double();
    await useEngine({ name: 'cpu' });
    await double();
    expect(weight.dataSync()).toEqual(Float32Array.of(4, 8));
    await useEngine({ name: 'onnx', threads: 1 });
    await double();
    expect(await weight.data()).toEqual(Float32Array.of(8, 16));
  });

  it('runs the plain function on eager engines', async () => {
    await useEngine({ name: 'cpu' });
    let calls = 0;
    const f = compile((x: tf.Tensor) => {
      calls++;
      return { y: tf.add(x, 1) };
    });
    for (let index = 0; index < 2; index++) expect((await f(tf.scalar(index))).y.dataSync()[0]).toBe(index + 1);
    expect(calls).toBe(2);
    const repeated = await f.repeat(3, tf.scalar(5));
    expect(repeated.map(({ y }) => y.dataSync()[0])).toEqual([6, 6, 6]);
    expect(calls).toBe(5);
  });
});

describe('the compiled engine in a process', () => {
  const program = `
    import * as tf from '@tensorflow/tfjs-core';
    import { compile, useEngine } from '@vitvq/engine';
    await useEngine({ name: 'onnx', onCompile: () => {} }); // prints nothing on a slow machine
    const y = await compile((x) => tf.sum(x))(tf.ones([2, 3]));
  `;

  it('lets the process end by itself, and prints nothing', () => {
    expect(run(`${program} console.log((await y.data())[0]);`)).toEqual({ stdout: '6\n', stderr: '', status: 0 });
  });

  it('lets the process end when nothing was compiled', () => {
    const idle = "import { useEngine } from '@vitvq/engine'; await useEngine({ name: 'onnx' });";
    expect(run(idle)).toEqual({ stdout: '', stderr: '', status: 0 });
  });

  it('lets process.exit end it in the middle of a run', () => {
    const long = `
      const f = compile((x) => { for (let i = 0; i < 50; i++) x = tf.tanh(tf.matMul(x, x)); return x; });
      const pending = f(tf.fill([800, 800], 0.01));
      setTimeout(() => process.exit(3), 300);
      await pending; await f(tf.fill([800, 800], 0.01)); await f(tf.fill([800, 800], 0.01));
      await new Promise((resolve) => setTimeout(resolve, 5000));
    `;
    expect(run(program + long)).toMatchObject({ status: 3, stderr: '' });
  });

  it('changes in the middle of a run', () => {
    const change = `
      const x = tf.fill([900, 900], 0.01);
      const pending = compile((x) => { for (let i = 0; i < 20; i++) x = tf.tanh(tf.matMul(x, x)); return tf.sum(x); })(x);
      x.dispose();
      await useEngine({ name: 'cpu' });
      console.log(Number.isFinite((await (await pending).data())[0]));
    `;
    expect(run(program + change)).toEqual({ stdout: 'true\n', stderr: '', status: 0 });
  });

  it('says so when its thread dies', () => {
    const { stdout, status } = run(`${program}
      await (await import('@vitvq/engine')).currentEngine().device.terminate();
      await compile((x) => tf.neg(x))(tf.ones([300, 300])).catch((error) => console.log(error.message));
    `);
    expect(stdout).toMatch(/onnx engine: expected its worker thread to run, got exited with code/);
    expect(status).toBe(0);
  });
});

describe('doctor', () => {
  it('tells which engine runs, why, and what the others lack', async () => {
    const report = await doctor();
    expect(report.engines.map(({ name }) => name)).toEqual([...engineNames]);
    expect(report.engines.find(({ name }) => name === 'onnx')).toMatchObject({
      available: true,
      detail: expect.stringContaining('ONNX Runtime 1.30.0') as string,
    });
    expect(report.engines.find(({ name }) => name === 'tensorflow')).toMatchObject({
      available: false,
      fix: expect.stringMatching(/vitvq engine install tensorflow$/) as string,
    });
    const text = formatDoctorReport(report);
    expect(text).toMatch(/^engine {3}cpu/);
    expect(text).toMatch(/> cpu +works/);
    expect(text).toMatch(/tensorflow-gpu +absent +@tensorflow\/tfjs-node-gpu is not installed/);
  });

  it('leaves the backend as it was', async () => {
    await useEngine({ name: 'cpu' });
    await doctor();
    expect(tf.getBackend()).toBe('cpu');
  });
});
