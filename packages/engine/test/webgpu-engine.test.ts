import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { hasEngine } from '@vitvq/test-utils';
import { afterEach, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { doctor } from '../src/doctor.js';
import { useEngine } from '../src/engines.js';
import { GraphBuilder } from '../src/ir/builder.js';
import { OnnxBackend } from '../src/onnx/onnx-backend.js';
import { deviceTarget, hostTarget, buildProgram } from '../src/onnx/program.js';
import { EngineError } from '../src/errors.js';
import { runProgram } from './run-program.js';
import { hasWebGpu, startWebGpu } from './webgpu.js';

afterEach(async () => {
  await useEngine({ name: 'cpu' });
});

describe.skipIf(!(await hasEngine('onnx')))('onnx on accelerators', () => {
  it('are examined, and never chosen automatically', async () => {
    expect((await useEngine()).name).not.toMatch(/^onnx-/);
    const { engines } = await doctor();
    for (const provider of ['webgpu', 'cuda']) {
      const row = engines.find(({ name }) => name === `onnx-${provider}`)!;
      if (row.available) expect(row.detail).toContain('not chosen automatically');
      else expect(row.detail).toContain(`to start its execution provider "${provider}", got `);
      if (!row.available) expect(row.fix).toMatch(/driver/);
    }
  });

  it.skipIf(process.platform !== 'linux')('print nothing where they do not start, and do not end the process', () => {
    const doctor = `
      const { engines } = await (await import('@vitvq/engine')).doctor();
      console.log(engines.filter(({ name }) => /^onnx-/.test(name)).map(({ detail }) => detail).join('\\n'));
    `;
    const { stdout, stderr, status } = runProgram(doctor, { VK_DRIVER_FILES: '/no/such/driver.json' });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/^expected ONNX Runtime to start its execution provider "cuda", got .+/),
      expect.stringMatching(/^expected ONNX Runtime to start its execution provider "webgpu", got .+/),
    ]);
  });

  it.skipIf(process.platform !== 'linux' || process.env['LD_LIBRARY_PATH'])(
    'says why the provider for CUDA does not start',
    async () => {
      const failure = await useEngine({ name: 'onnx-cuda' }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(EngineError);
      expect(String(failure)).toMatch(/onnx-cuda engine: expected ONNX Runtime to start .* got .+npm rebuild/s);
    },
  );
});

describe.skipIf(!(await hasEngine('onnx')))('the onnx-cuda engine', () => {
  it.skipIf(process.platform !== 'linux' || process.env['LD_LIBRARY_PATH'])(
    'keeps tensors in host memory, and asks for the provider "cuda" to run programs',
    async () => {
      const backend = new OnnxBackend({ provider: 'cuda', threads: 1 });
      const buffer = backend.upload(Float32Array.of(1, 2), { shape: [2], dtype: 'float32' });
      const b = new GraphBuilder();
      const graph = b.finish([b.unary('negate', b.input([2], 'float32'))]);
      const { ready } = backend.prepare({ name: 'f', graph, resultCount: 1, stateInputs: [], frozen: new Map() });
      await expect(ready).rejects.toThrow(/onnx-cuda engine: .* got f could not be loaded: .*ExecutionProvider_Cuda/s);
      expect(await backend.read(buffer)).toEqual(Float32Array.of(1, 2));
      await backend.terminate();
    },
  );
});

describe.skipIf(!hasWebGpu)('the onnx-webgpu engine', () => {
  it('keeps the state of a training on the device, whatever its programs are', async () => {
    await useEngine({ name: 'onnx-webgpu', onCompile: () => {} });
    const state = tf.variable(tf.fill([200, 200], 1));
    const doubled = compile(() => state.assign(tf.mul(state, 2)));
    await doubled();
    // A tensor outlives the program that has made it.
    doubled.dispose();
    const raised = compile(() => {
      state.assign(tf.add(state, 1));
      return tf.sum(tf.reshape(state, [400, 100]));
    });
    for (const expected of [3, 4]) expect((await (await raised()).data())[0]).toBe(expected * 40_000);
    expect(new Set(await state.data())).toEqual(new Set([4]));
  });

  // The imitated device's memory is that of the process, and so are copies on the way to it.
  it.skipIf(process.platform !== 'linux')('frees what it has moved to the device and computed there', () => {
    const source = (file: string): string => JSON.stringify(new URL(`../src/${file}`, import.meta.url).href);
    const { stdout, status } = runProgram(
      `
      import { readFileSync } from 'node:fs';
      import { GraphBuilder } from ${source('ir/builder.ts')};
      import { OnnxBackend } from ${source('onnx/onnx-backend.ts')};
      const backend = new OnnxBackend({ provider: 'webgpu', threads: 1 });
      const type = { shape: [2 ** 20], dtype: 'float32' };
      const b = new GraphBuilder();
      const [x, state] = [b.input(type.shape, type.dtype), b.input(type.shape, type.dtype)];
      const graph = b.finish([b.unary('negate', x), b.binary('add', x, state)]);
      const f = backend.prepare({ name: 'f', graph, resultCount: 1, stateInputs: [1], frozen: new Map() });
      const held = backend.upload(new Float32Array(2 ** 20), type);
      const steps = async (count) => {
        for (let step = 0; step < count; step++) {
          const buffer = backend.upload(new Float32Array(2 ** 20), type);
          const { results, done } = backend.run(f, [buffer, held], [held], 1);
          await done;
          for (const freed of [buffer, results[0][0]]) backend.free(freed);
        }
        return Number(/VmRSS:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
      };
      const before = await steps(30);
      console.log((await steps(100)) - before);
      await backend.terminate();
      `,
      // The allocator keeps no large blocks for later, which would look like a leak.
      { MALLOC_MMAP_THRESHOLD_: '65536' },
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^-?\d/);
    expect(Number(stdout)).toBeLessThan(400); // MB, where 400 were moved and 800 computed
  });

  it('refuses a model with a node that would run on the CPU', async () => {
    const backend = await startWebGpu();
    const b = new GraphBuilder();
    const x = b.input([2], 'float32');
    const graph = b.finish([b.unary('is_nan', x)]);
    const program = { name: 'f', graph, resultCount: 1, stateInputs: [], frozen: new Map<number, never>() };
    const load = (backend as unknown as { load: (...values: unknown[]) => { ready: Promise<void> } }).load.bind(
      backend,
    );
    for (const [target, isOnDevice] of [
      [hostTarget, false],
      [deviceTarget, true],
    ] as const) {
      const { definition, model } = buildProgram(program, target);
      const { ready } = load({ definition, model, initializers: [] }, { inputs: new Set([0]), results: [] });
      if (isOnDevice) await ready;
      else await expect(ready).rejects.toThrow(/assigned to the default CPU EP/);
    }
    await backend.terminate();
  });
});
