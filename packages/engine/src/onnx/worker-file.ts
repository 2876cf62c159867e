import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Place of this file, or of the bundle that it is part of; a bundle in CommonJS leaves it
 * undefined.
 */
const moduleUrl: string | undefined = import.meta.url;

/** Whether this file runs from source and not from the built package or a bundle. */
const isSource = moduleUrl?.endsWith('.ts') ?? false;

/** Returns where the built worker must lie: beside the file of which this module is part. */
function workerFile(): string {
  return join(moduleUrl === undefined ? __dirname : dirname(fileURLToPath(moduleUrl)), 'worker.mjs');
}

/**
 * Returns why the worker cannot be started and what to do about it; undefined where its file
 * exists.
 */
export function missingWorkerFile(): { readonly why: string; readonly fix: string } | undefined {
  if (isSource || existsSync(workerFile())) return undefined;
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
  if (!isSource) return new Worker(workerFile(), { ...options, execArgv: [] });
  // Node 20 cannot start a worker from a TypeScript file, so a line of JavaScript loads tsx first.
  const loader = pathToFileURL(createRequire(moduleUrl!).resolve('tsx'));
  const tsx = JSON.stringify(new URL('./esm/api/index.mjs', loader));
  const program = JSON.stringify(new URL('./worker.ts', moduleUrl));
  const code = `import(${tsx}).then(({ register }) => { register(); return import(${program}); })`;
  return new Worker(code, { ...options, eval: true, execArgv: ['--conditions=@vitvq/source'] });
}
