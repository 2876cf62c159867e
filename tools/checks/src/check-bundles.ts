/**
 * `npm run check-bundles`: what a project gets that installs the tokenizer alone, from tarballs:
 * no trainer, no TensorBoard, no image decoder and no ONNX Runtime. Then a program that trains a
 * small tokenizer is bundled with esbuild, webpack and Vite, and runs in headless Chromium.
 * Prints sizes.
 */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { bundlers } from './internal/bundlers.js';
import { trainInChromium } from './internal/chromium.js';
import { installTarballs, tensorflow } from './internal/install.js';
import { CheckError } from './internal/run.js';
import { installedWith, packageNamed, repositoryRoot } from './internal/workspace.js';

const programs = join(repositoryRoot, 'tools/checks/bundle');
const FOREIGN =
  /^(sharp|@img\/.*|onnxruntime-.*|@vitvq\/(cli|data|engine|evaluation|export|report|tensorboard|training|.*-trainer))$/;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
const kilobytes = (text: string): string =>
  `${(text.length / 1e3).toFixed(0)} kB, ${(gzipSync(text).length / 1e3).toFixed(0)} kB compressed`;

/** Returns the names and the size of what lies in `node_modules`. */
async function installed(folder: string): Promise<{ names: string[]; bytes: number }> {
  const root = join(folder, 'node_modules');
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  let bytes = 0;
  for (const entry of entries) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  const top = await readdir(root);
  const scopes = top.filter((name) => name.startsWith('@'));
  const scoped = await Promise.all(
    scopes.map(async (scope) => (await readdir(join(root, scope))).map((name) => `${scope}/${name}`)),
  );
  return { names: [...top.filter((name) => !/^[@.]/.test(name)), ...scoped.flat()].sort(), bytes };
}

async function checkInstallation(folder: string): Promise<void> {
  await mkdir(folder);
  await installTarballs(folder, installedWith(packageNamed('tokenizer')), []);
  const { names, bytes } = await installed(folder);
  const foreign = names.filter((name) => FOREIGN.test(name));
  if (foreign.length) throw new CheckError(`who installs the tokenizer gets ${foreign.join(', ')}`);
  console.log(`@vitvq/tokenizer installed: ${megabytes(bytes)} in ${names.length} packages`);
}

/** Compiles a program to JavaScript, and leaves its imports to the bundlers. */
async function compile(name: string, folder: string): Promise<string> {
  const outfile = join(folder, `${name}.js`);
  await esbuild.build({ entryPoints: [join(programs, `${name}.ts`)], outfile, format: 'esm', logLevel: 'silent' });
  return outfile;
}

async function checkBundles(folder: string): Promise<void> {
  await mkdir(folder);
  const packages = ['tokenizer', 'losses', 'optim'].flatMap((name) => installedWith(packageNamed(name)));
  await installTarballs(folder, [...new Set(packages)], [tensorflow()]);
  for (const [name, bundle] of Object.entries(bundlers)) {
    const own = join(folder, name);
    await mkdir(own);
    const small = await bundle(await compile('encode', folder), own, ['@tensorflow/tfjs-core']);
    await rm(own, { recursive: true });
    await mkdir(own);
    const whole = await bundle(await compile('train', folder), own, []);
    console.log(
      `${name}: ${kilobytes(small)} for the tokenizer; training with all of TensorFlow.js ${kilobytes(whole)}`,
    );
    console.log(`  ${await trainInChromium(whole, name === 'vite' ? ['webgl', 'cpu'] : ['cpu'])}`);
  }
}

const temporary = await mkdtemp(join(tmpdir(), 'vitvq-bundles-'));
try {
  await checkInstallation(join(temporary, 'tokenizer'));
  await checkBundles(join(temporary, 'page'));
} catch (error) {
  if (!(error instanceof CheckError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(temporary, { recursive: true, force: true });
}
