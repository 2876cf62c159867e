import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { repositoryRoot } from '../internal/workspace.js';

/** A program of one file, and the worker threads of engines beside it. */
export interface BundledProgram {
  readonly file: string;
  /** Removes the files. */
  remove(): Promise<void>;
}

/** Native packages, which are found from the folder of the bundle. */
const external = ['onnxruntime-node', 'koffi', 'sharp'];

/** Packages in CommonJS that are bundled ask for parts of Node. */
const banner = {
  js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
};

/**
 * Bundles a program of this tool: it starts in a third of a second, where the many files of its
 * sources take two. The caller removes it.
 */
export async function bundleProgram(source: string): Promise<BundledProgram> {
  const parent = join(repositoryRoot, 'node_modules', '.cache', 'vitvq');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'program-'));
  const bundle = async (entry: string, name: string): Promise<string> => {
    const outfile = join(folder, name);
    await build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['@vitvq/source'],
      external,
      banner,
      logLevel: 'error',
    });
    return outfile;
  };
  const engine = join(repositoryRoot, 'packages', 'engine', 'src');
  await bundle(join(engine, 'onnx', 'worker.ts'), 'worker.mjs');
  await bundle(join(engine, 'pjrt', 'pjrt-worker.ts'), 'pjrt-worker.mjs');
  const file = await bundle(source, 'program.mjs');
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}
