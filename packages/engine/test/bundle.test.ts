import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { fileURLToPath } from 'node:url';
import { hasEngine } from '@vitvq/test-utils';
import { build, type BuildOptions, type Metafile } from 'esbuild';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vitvq-bundle-'));
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
afterAll(() => rmSync(folder, { recursive: true }));

const here = fileURLToPath(new URL('.', import.meta.url));

/** Bundles a program into one file of the temporary folder. */
async function bundle(program: string, file: string, options: BuildOptions): Promise<Metafile> {
  const { metafile } = await build({
    stdin: { contents: program, resolveDir: here },
    outfile: join(folder, file),
    bundle: true,
    conditions: ['@vitvq/source'],
    logLevel: 'silent',
    ...options,
    metafile: true,
  });
  return metafile;
}

/** Writes the worker as the package's build does. */
async function buildWorker(): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: [join(here, '../src/onnx/worker.ts')],
    outfile: join(folder, 'worker.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['onnxruntime-node'],
    metafile: true,
  });
  return metafile;
}

/** Runs a program in Node and returns what it prints. */
function runFile(path: string): { stdout: string; stderr: string } {
  const env = { ...process.env, VITVQ_CACHE: folder }; // without engines that are installed on this machine
  const { stdout, stderr } = spawnSync(process.execPath, [path], { encoding: 'utf8', timeout: 60_000, env });
  return { stdout, stderr };
}

/** Runs a bundled program of the temporary folder. */
function run(file: string): { stdout: string; stderr: string } {
  return runFile(join(folder, file));
}

// The build of TensorFlow.js for Node calls `require`, which a bundle that is an ES module lacks.
const require = "import { createRequire as from } from 'node:module'; const require = from(import.meta.url);";

const sum = `
  import * as tf from '@tensorflow/tfjs-core';
  import { compile, doctor, useEngine } from '@vitvq/engine';
  const add = async () => (await (await compile((x) => tf.sum(x))(tf.ones([2, 3]))).data())[0];
`;

/**
 * Runs a bundled script with the globals of a browser and none of Node; returns what it sets as
 * `result`.
 */
async function runInBrowser(file: string): Promise<unknown> {
  const globals = {
    URL,
    TextEncoder,
    TextDecoder,
    console,
    fetch,
    performance,
    queueMicrotask,
    setTimeout,
    clearTimeout,
  };
  const document = { createElement: () => ({ getContext: () => null }) };
  const page: Record<string, unknown> = { ...globals, document, addEventListener: () => {}, postMessage: () => {} };
  page['window'] = page['self'] = page;
  runInNewContext(readFileSync(join(folder, file), 'utf8'), page);
  return page['result'];
}

describe('a bundle for browsers', () => {
  it('needs no externals, reaches nothing of Node and no ONNX Runtime, and runs functions eagerly', async () => {
    const program = `${sum}
      const main = async () => {
        await useEngine({ name: 'cpu' });
        const { engines } = await doctor();
        return [await add(), engines.find(({ name }) => name === 'onnx').detail];
      };
      globalThis.result = main();
    `;
    const { inputs } = await bundle(program, 'browser.js', { platform: 'browser', format: 'iife' });
    const imports = Object.values(inputs).flatMap((input) => input.imports);
    expect(Object.keys(inputs).length).toBeGreaterThan(100);
    expect(imports.filter(({ external }) => external)).toEqual([]);
    for (const path of [...Object.keys(inputs), ...imports.map((each) => each.path)]) {
      expect(path).not.toMatch(/^node:|onnxruntime|worker_threads|protobufjs/);
    }
    expect(await runInBrowser('browser.js')).toEqual([6, 'it runs in Node only']);
  });
});

const hasOnnx = await hasEngine('onnx');

describe.skipIf(!hasOnnx)('a bundle for Node', () => {
  const program = `${sum}
    const quiet = { name: 'onnx', onCompile: () => {} };
    const report = async (sum) => console.log(sum, (await doctor()).chosen);
    useEngine(quiet).then(add).then(report).catch((error) => console.log(error.message));
  `;

  it.each([
    ['program.mjs', { format: 'esm', banner: { js: require } }],
    ['program.cjs', { format: 'cjs' }],
  ] as const)('says at useEngine which file %s lacks, and runs with it', async (file, options) => {
    await bundle(program, file, { platform: 'node', ...options });
    rmSync(join(folder, 'worker.mjs'), { force: true });
    expect(run(file)).toEqual({
      stdout:
        `useEngine: expected the engine "onnx" to work here, got the file of its worker thread, ` +
        `${join(realpathSync(folder), 'worker.mjs')}, does not exist; a bundler leaves it out. ` +
        `Copy node_modules/@vitvq/engine/dist/worker.mjs to that place, or mark @vitvq/engine as external in the ` +
        `bundler (esbuild: --external:@vitvq/engine).\n`,
      stderr: '',
    });
    await buildWorker();
    expect(run(file)).toEqual({ stdout: '6 onnx\n', stderr: '' });
  });

  it('has a worker in one file, which needs ONNX Runtime alone', async () => {
    const { inputs } = await buildWorker();
    const packages = Object.keys(inputs).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
    expect(packages.filter((name) => !/^(@protobufjs\/.*|protobufjs|long)$/.test(name))).toEqual([]);
    expect(Object.keys(inputs).filter((path) => /packages\/(?!engine\/)/.test(path))).toEqual([]);
  });
});

describe('a program whose default engine did not install', () => {
  const automatic = `${sum}
    await compile(() => tf.scalar(1))(); // chooses by itself
    await useEngine();
    await useEngine({ name: 'cpu' });
    console.log(await add(), (await doctor()).chosen);
  `;

  it('says so once, with the remedy, and computes in plain JavaScript', async () => {
    await bundle(automatic, 'alone.mjs', { platform: 'node', format: 'esm', banner: { js: require } });
    await buildWorker();
    // A folder without packages, as where npm left the optional one out.
    const alone = mkdtempSync(join(tmpdir(), 'vitvq-alone-'));
    onTestFinished(() => rmSync(alone, { recursive: true }));
    for (const file of ['alone.mjs', 'worker.mjs']) cpSync(join(folder, file), join(alone, file));
    const { stdout, stderr } = runFile(join(alone, 'alone.mjs'));
    expect(stdout).toBe('6 cpu\n');
    expect(stderr).toMatch(
      /^vitvq: everything is computed in plain JavaScript, many times slower than on the engine "onnx", which does not work here: onnxruntime-node is not installed\. Remedy: npm install --ignore-scripts onnxruntime-node@1\.30\.0 .*\n$/,
    );
  });

  it.skipIf(!hasOnnx)('is silent where the engine works', async () => {
    await bundle(automatic, 'whole.mjs', { platform: 'node', format: 'esm', banner: { js: require } });
    await buildWorker();
    const { stdout, stderr } = run('whole.mjs');
    expect(stdout).toBe('6 cpu\n');
    expect(stderr).not.toContain('plain JavaScript');
  });
});
