import { hasEngine } from '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import { runProgram } from './run-program.js';

const source = (file: string): string => JSON.stringify(new URL(`../src/${file}`, import.meta.url).href);

/** Begins a program: `worker` is the thread of `backend`, which holds `x`. */
const begin = `
  import { OnnxBackend } from ${source('onnx/onnx-backend.ts')};
  let worker;
  process.once('worker', (started) => (worker = started));
  const backend = new OnnxBackend({ threads: 1 });
  const length = 2 ** 22;
  const x = backend.upload(new Float32Array(length), { shape: [length], dtype: 'float32' });
  await backend.read(x);
`;

const run = (program: string): ReturnType<typeof runProgram> => runProgram(begin + program);

describe.skipIf(!(await hasEngine('onnx')))('a worker thread that died', () => {
  it('does not hold the end of the process, whatever it was busy with', () => {
    const { stdout, stderr, status } = run(`
      // Each copy takes milliseconds, and hardly any time lies between two.
      for (let copies = 0; copies < 20; copies++) backend.free(backend.copy(x));
      const last = backend.read(x).catch((error) => error.message);
      await new Promise((resolve) => worker.once('message', resolve));
      await worker.terminate();
      console.log(await last);
    `);
    expect(stderr).toBe('');
    expect(stdout).toContain('onnx engine: expected its worker thread to run, got exited with code 1.');
    expect(status).toBe(0);
  });

  it('does not hold a thread that waits for values', () => {
    const { stdout, status } = run(`
      worker.on('error', () => undefined);
      worker.postMessage({ id: -1, request: null }); // the thread dies of it
      try {
        backend.readSync(x);
      } catch (error) {
        console.log(error.message);
      }
    `);
    expect(stdout).toContain('onnx engine: expected the values of a tensor within ten minutes, got no answer.');
    expect(status).toBe(0);
  });
});
