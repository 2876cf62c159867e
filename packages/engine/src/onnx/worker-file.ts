import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** Whether this file runs from source and not from the built package or a bundle. */
const isSource = (): boolean => import.meta.url?.endsWith('.ts') ?? false;

/**
 * Returns where the built worker must lie: beside the file that this module has been built into.
 */
function workerFile(): string {
  // A bundler that writes CommonJS leaves `import.meta` empty.
  return join(import.meta.url === undefined ? __dirname : dirname(fileURLToPath(import.meta.url)), 'worker.mjs');
}

/**
 * Returns why the worker cannot be started and what to do about it; undefined where its file
 * exists.
 */
export function missingWorkerFile(): { readonly why: string; readonly fix: string } | undefined {
  if (isSource() || existsSync(workerFile())) return undefined;
  return {
    why: `the file of its worker thread, ${workerFile()}, does not exist; a bundler leaves it out`,
    fix: 'Copy node_modules/@vitvq/engine/dist/worker.mjs to that place, or mark @vitvq/engine as external in the bundler (esbuild: --external:@vitvq/engine).',
  };
}

/**
 * Starts the built worker, or its source when this file runs from source. The worker inherits no
 * flags of the process.
 */
export function startWorker(options: Pick<WorkerOptions, 'workerData' | 'name'>): Worker {
  if (!isSource()) return new Worker(workerFile(), { ...options, execArgv: [] });
  // Node 20 cannot start a worker from a TypeScript file, so a line of JavaScript loads tsx first.
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx'));
  const tsx = JSON.stringify(new URL('./esm/api/index.mjs', loader));
  const program = JSON.stringify(new URL('./worker.ts', import.meta.url));
  const code = `import(${tsx}).then(({ register }) => { register(); return import(${program}); })`;
  return new Worker(code, { ...options, eval: true, execArgv: ['--conditions=@vitvq/source'] });
}
