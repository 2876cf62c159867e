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

/** Program of a worker thread: its file in the built package, and its source beside this file. */
export interface WorkerProgram {
  readonly built: string;
  readonly source: string;
}

/** The thread that runs ONNX Runtime. */
export const onnxWorker: WorkerProgram = { built: 'worker.mjs', source: '../onnx/worker.ts' };

/** The thread that runs a PJRT plug-in. */
export const pjrtWorker: WorkerProgram = { built: 'pjrt-worker.mjs', source: '../pjrt/pjrt-worker.ts' };

/** The threads by which a process takes part in a run of several. */
export const processWorker: WorkerProgram = {
  built: 'process-worker.mjs',
  source: '../pjrt/processes/process-worker.ts',
};

/** Returns where a built worker must lie: beside the file of which this module is part. */
function workerFile({ built }: WorkerProgram): string {
  return join(moduleUrl === undefined ? __dirname : dirname(fileURLToPath(moduleUrl)), built);
}

/**
 * Returns why a worker cannot be started and what to do about it; undefined where its file exists.
 */
export function missingWorkerFile(program: WorkerProgram): { readonly why: string; readonly fix: string } | undefined {
  const file = workerFile(program);
  if (isSource || existsSync(file)) return undefined;
  return {
    why: `the file of its worker thread, ${file}, does not exist; a bundler leaves it out`,
    fix: `Copy node_modules/@vitvq/engine/dist/${program.built} to that place, or mark @vitvq/engine as external in the bundler (esbuild: --external:@vitvq/engine).`,
  };
}

/**
 * Starts a built worker, or its source when this file runs from source. The worker inherits no
 * flags of the process.
 */
export function startWorker(
  program: WorkerProgram,
  options: Pick<WorkerOptions, 'workerData' | 'name' | 'transferList'>,
): Worker {
  if (!isSource) return new Worker(workerFile(program), { ...options, execArgv: [] });
  return new Worker(sourceProgram(program), { ...options, eval: true, execArgv: [sourceCondition] });
}

/** Returns the arguments of Node that run a worker's file as a program; its own ones follow. */
export function workerCommand(program: WorkerProgram): string[] {
  if (!isSource) return [workerFile(program)];
  return [sourceCondition, '--eval', sourceProgram(program), '--'];
}

/** Lets imports of our packages find their sources. */
const sourceCondition = '--conditions=@vitvq/source';

/**
 * Returns a line of JavaScript that loads tsx, then a worker's source: Node 20 cannot start a
 * worker from a TypeScript file.
 */
function sourceProgram({ source }: WorkerProgram): string {
  const loader = pathToFileURL(createRequire(moduleUrl!).resolve('tsx'));
  const tsx = JSON.stringify(new URL('./esm/api/index.mjs', loader));
  const file = JSON.stringify(new URL(source, moduleUrl));
  return `import(${tsx}).then(({ register }) => { register(); return import(${file}); })`;
}
