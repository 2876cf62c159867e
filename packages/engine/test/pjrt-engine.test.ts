import '@tensorflow/tfjs';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { compile } from '../src/compile.js';
import { doctor, formatDoctorReport } from '../src/doctor.js';
import { useEngine } from '../src/engines.js';
import { EngineError } from '../src/errors.js';
import { GraphBuilder } from '../src/ir/builder.js';
import { plugin, startPjrt } from './pjrt-plugin.js';
import { runProgram } from './run-program.js';

/** Returns a new folder, which is removed after the test. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vitvq-pjrt-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

afterEach(async () => {
  await useEngine({ name: 'cpu' });
  vi.unstubAllEnvs();
});

describe('the pjrt engine without a plug-in', () => {
  it('says where one comes from', async () => {
    for (const name of ['PATH', 'VIRTUAL_ENV', 'CONDA_PREFIX']) vi.stubEnv(name, '');
    vi.stubEnv('HOME', join(tmpdir(), 'nobody'));
    vi.stubEnv('VITVQ_PJRT_PLUGIN', join(tmpdir(), 'no-plugin.so'));
    await expect(useEngine({ name: 'pjrt' })).rejects.toThrow(
      /the engine "pjrt" to work here, got there is no file .*no-plugin\.so\. For an NVIDIA GPU: vitvq engine install pjrt, or pip install "jax\[cuda13\]"/,
    );
  });

  it('refuses a file that is no plug-in, with an EngineError that names it', async () => {
    const file = new URL('../package.json', import.meta.url).pathname;
    vi.stubEnv('VITVQ_PJRT_PLUGIN', file);
    const failure = await useEngine({ name: 'pjrt' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EngineError);
    expect(String(failure)).toMatch(
      /pjrt engine: expected a PJRT plug-in, a shared library with the function GetPjrtApi, got .*package\.json/,
    );
    // The automatic choice goes on with the next engine, and says why.
    expect((await useEngine()).reason).toMatch(/pjrt: pjrt engine: expected a PJRT plug-in/);
  });
});

describe.skipIf(!plugin)('the pjrt engine', () => {
  it('is chosen where the variable names a plug-in, and says what it runs on', async () => {
    const engine = await useEngine();
    expect(engine.name).toBe('pjrt');
    expect(engine.reason).toBe('first that works here');
    const report = await doctor();
    const row = report.engines.find(({ name }) => name === 'pjrt')!;
    expect(row).toMatchObject({ available: true });
    expect(row.detail).toMatch(/PJRT C API 0\.\d+.*stablehlo_current_version \d+\.\d+/);
    expect(row.devices!.length).toBeGreaterThan(0);
    expect(formatDoctorReport(report)).toContain(`\n${' '.repeat(25)}${row.devices![0]!.name}`);
  });

  it('is not chosen automatically for a CPU plug-in that nobody has named, but by its name', async () => {
    const packages = join(temporaryFolder(), 'lib', 'python3.12', 'site-packages', 'some_xla_cpu');
    mkdirSync(packages, { recursive: true });
    symlinkSync(plugin, join(packages, 'libpjrt_cpu.so'));
    for (const name of ['PATH', 'CONDA_PREFIX', 'VITVQ_PJRT_PLUGIN']) vi.stubEnv(name, '');
    vi.stubEnv('VIRTUAL_ENV', join(packages, '../../../..'));
    const engine = await useEngine();
    expect(engine.name).not.toBe('pjrt');
    expect(engine.reason).toContain('pjrt: its plug-in is for the CPU');
    const row = (await doctor()).engines.find(({ name }) => name === 'pjrt')!;
    expect(row).toMatchObject({ available: true });
    expect(row.detail).toContain('not chosen automatically: its plug-in is for the CPU');
    expect((await useEngine({ name: 'pjrt' })).reason).toBe('asked for by name');
  });

  it.runIf(process.platform === 'linux')('computes with as many threads as it is told', async () => {
    const poolSize = () => {
      const tasks = readdirSync('/proc/self/task');
      return tasks.filter((task) => readFileSync(`/proc/self/task/${task}/comm`, 'utf8').includes('XLAEigen')).length;
    };
    vi.stubEnv('NPROC', '7');
    for (const threads of [1, 3]) {
      const before = poolSize();
      await useEngine({ name: 'pjrt', threads });
      expect(poolSize() - before).toBe(threads);
      expect(process.env['NPROC']).toBe('7');
      await useEngine({ name: 'cpu' });
    }
  });

  it('describes the plug-in when another engine is in use', async () => {
    await useEngine({ name: 'cpu' });
    const report = await doctor();
    expect(report.engines.find(({ name }) => name === 'pjrt')!.devices!.length).toBeGreaterThan(0);
  });

  it('runs a tensor in whatever shape a function takes it, twice in one call too', async () => {
    await useEngine({ name: 'pjrt', onCompile: () => {} });
    const flat = tf.tensor1d([1, 2, 3, 4, 5, 6]);
    const rows = tf.reshape<tf.Rank.R2>(flat, [2, 3]);
    const columns = tf.reshape<tf.Rank.R2>(flat, [3, 2]);
    const product = compile((a: tf.Tensor2D, b: tf.Tensor2D) => tf.matMul(a, b));
    for (let run = 0; run < 2; run++)
      expect([...(await (await product(rows, columns)).data())]).toEqual([22, 28, 49, 64]);
    expect([...(await flat.data())]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('gives away the memory of a state only where nothing else needs it', async () => {
    await useEngine({ name: 'pjrt', onCompile: () => {} });
    const state = tf.variable(tf.tensor1d([1, 2]));
    const step = compile((x: tf.Tensor) => {
      const before = tf.add(x, 0);
      state.assign(tf.mul(state, 2));
      return before;
    });
    // The variable is both an argument, which stays, and the state that is replaced.
    expect([...(await (await step(state)).data())]).toEqual([1, 2]);
    expect([...(await state.data())]).toEqual([2, 4]);
    // A program that holds the values frozen keeps those that it was compiled with.
    const frozen = compile(() => tf.add(state, 0), { variables: 'frozen' });
    expect([...(await (await frozen()).data())]).toEqual([2, 4]);
    await step(tf.zeros([2]));
    expect([...(await (await frozen()).data())]).toEqual([4, 8]);
  });

  it("gives the plug-in's message, and goes on", async () => {
    const backend = await startPjrt();
    const load = (backend as unknown as { load: (...values: unknown[]) => { ready: Promise<void> } }).load;
    const definition = { name: 'broken', text: 'module {', parameters: [], outputs: [], resultCount: 0, checks: [] };
    const { ready } = load.call(backend, { definition, frozen: [] }, { inputs: new Set(), results: [] });
    await expect(ready).rejects.toThrow(
      /pjrt engine: expected the plug-in to do its work, got broken could not be loaded: PJRT_Client_Compile: .+/,
    );
    const buffer = backend.upload(Float32Array.of(1), { shape: [1], dtype: 'float32' });
    expect(await backend.read(buffer)).toEqual(Float32Array.of(1));
    await backend.terminate();
  });

  it('leaves timers running while it compiles and runs', async () => {
    await useEngine({ name: 'pjrt', onCompile: () => {} });
    const f = compile((x: tf.Tensor2D) => {
      let y = x;
      for (let index = 0; index < 30; index++) y = tf.tanh(tf.matMul(y, x));
      return y;
    });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await f(tf.fill<tf.Rank.R2>([300, 300], 0.01));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(3);
  });

  it('serves other requests while a run is under way', async () => {
    const backend = await startPjrt();
    const b = new GraphBuilder();
    const x = b.input([400, 400], 'float32');
    const axes = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] };
    let y = x;
    for (let index = 0; index < 60; index++) y = b.unary('tanh', b.dotGeneral(y, x, axes));
    const graph = b.finish([b.reduce('sum', y, [0, 1])]);
    const executable = backend.prepare({ name: 'long', graph, resultCount: 1, stateInputs: [], frozen: new Map() });
    await executable.ready;
    const input = backend.upload(new Float32Array(160_000).fill(0.01), { shape: [400, 400], dtype: 'float32' });
    const other = backend.upload(Float32Array.of(1), { shape: [1], dtype: 'float32' });
    const order: string[] = [];
    const { done } = backend.run(executable, [input], [], 3);
    await Promise.all([done.then(() => order.push('run')), backend.read(other).then(() => order.push('read'))]);
    expect(order).toEqual(['read', 'run']);
    await backend.terminate();
  });

  describe('in a process', () => {
    const begin = `
      import * as tf from '@tensorflow/tfjs-core';
      import { compile, useEngine } from '@vitvq/engine';
      await useEngine({ name: 'pjrt', onCompile: () => {} });
    `;

    it('lets the process end by itself, and prints nothing, whatever is in the cache', () => {
      const cache = join(temporaryFolder(), 'pjrt');
      const program = `${begin} console.log((await (await compile((x) => tf.sum(x))(tf.ones([2, 3]))).data())[0]);`;
      const expectSum = (): void =>
        expect(runProgram(program, { VITVQ_CACHE: dirname(cache) })).toEqual({ stdout: '6\n', stderr: '', status: 0 });
      expectSum();
      const [name, ...others] = readdirSync(cache);
      expect(others).toEqual([]);
      const whole = readFileSync(join(cache, name!));
      expectSum(); // from the cache
      writeFileSync(join(cache, name!), whole.fill(0, 100, 200));
      expectSum(); // compiled again, and stored
      expect(
        readFileSync(join(cache, name!))
          .subarray(100, 200)
          .some((byte) => byte !== 0),
      ).toBe(true);
    });

    it('keeps the plug-in when memory is collected', () => {
      const { stdout, status } = runProgram(`
        import { setFlagsFromString } from 'node:v8';
        import { runInNewContext } from 'node:vm';
        import { PjrtApi } from './src/pjrt/pjrt-api.js';
        const api = new PjrtApi(process.env.VITVQ_PJRT_PLUGIN);
        setFlagsFromString('--expose-gc');
        const collect = runInNewContext('gc');
        for (let index = 0; index < 5; index++) {
          collect();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        console.log(api.attributes().includes('version'));
      `);
      expect({ stdout, status }).toEqual({ stdout: 'true\n', status: 0 });
    });

    it('lets process.exit end it in the middle of a run', () => {
      const { status, stderr } = runProgram(`${begin}
        const f = compile((x) => { for (let i = 0; i < 50; i++) x = tf.tanh(tf.matMul(x, x)); return x; });
        await f(tf.fill([800, 800], 0.01));
        const pending = f(tf.fill([800, 800], 0.01));
        setTimeout(() => process.exit(3), 50);
        await pending; await f(tf.fill([800, 800], 0.01)); await f(tf.fill([800, 800], 0.01));
        await new Promise((resolve) => setTimeout(resolve, 5000));
      `);
      expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    });
  });
});
