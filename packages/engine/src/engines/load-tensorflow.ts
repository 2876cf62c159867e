import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import * as tensorFlowJs from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { mendTensorFlowKernels } from '../eager/tensorflow-kernels.js';
import { mendMovedShapes, type OperationBackend } from '../eager/tensorflow-moves.js';
import {
  installationFile,
  installedEngineFolder,
  tensorFlowEngines,
  tensorFlowJsKey,
  type InstallableEngine,
} from './installed-engine.js';

/** Node packages of TensorFlow.js. */
const packages = ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'] as const;

/** A Node package of TensorFlow.js that can be loaded here. */
export interface TensorFlowPackage {
  readonly name: (typeof packages)[number];
  /** The engine of the cache that it belongs to; undefined for one in node_modules. */
  readonly installed?: InstallableEngine;
  /** Whether its native part is there. */
  readonly isComplete: boolean;
  load(): unknown;
}

/** TensorFlow, as it was loaded in this process. */
export interface LoadedTensorFlow {
  readonly description: string;
  /** Whether it computes on a GPU. */
  readonly usesGpu: boolean;
  readonly threads: number;
}

/** Backend of the Node package; TensorFlow.js does not type it. */
interface TensorFlowBackend extends OperationBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: OperationBackend['binding'] & { readonly TF_Version: string };
}

/**
 * Finds the Node packages of TensorFlow.js in node_modules and in the user's cache, without loading
 * them.
 */
export function findTensorFlow(): TensorFlowPackage[] {
  const found = packages.flatMap((name): TensorFlowPackage[] => {
    try {
      const require = createRequire(import.meta.url); // fails in a bundle of another format
      const folder = dirname(require.resolve(`${name}/package.json`));
      return [{ name, isComplete: hasBinding(folder), load: () => require(name) as unknown }];
    } catch {
      return [];
    }
  });
  const installed = tensorFlowEngines.flatMap((engine): TensorFlowPackage[] => {
    const record = join(installedEngineFolder(engine), installationFile);
    if (!existsSync(record)) return [];
    const [name] = packages;
    return [{ name, installed: engine, isComplete: true, load: () => createRequire(record)(name) as unknown }];
  });
  return [...found, ...installed];
}

/** Without its installation script, a package has everything but its native part. */
function hasBinding(folder: string): boolean {
  // TensorFlow.js 4.22 names a folder for each version of Node's interface that it was built for.
  return Array.from({ length: 20 }, (_, version) => join(folder, 'lib', `napi-v${version}`, 'tfjs_binding.node')).some(
    (file) => existsSync(file),
  );
}

let loaded: LoadedTensorFlow | undefined;

/** Returns whether TensorFlow was loaded in this process. */
export function isTensorFlowLoaded(): boolean {
  return loaded !== undefined;
}

/**
 * Loads TensorFlow, once a process. Leaves the backend of TensorFlow.js as it was.
 * @param threads  threads of its computations; @default those of TF_NUM_INTRAOP_THREADS, else one
 *   for each core
 * @throws {Error} whatever its Node package throws
 */
export async function loadTensorFlow(from: TensorFlowPackage, threads?: number): Promise<LoadedTensorFlow> {
  if (loaded) return loaded;
  const given = Number(process.env['TF_NUM_INTRAOP_THREADS']) || undefined;
  const count = threads ?? given ?? availableParallelism();
  // TensorFlow reads these when its library is loaded.
  process.env['TF_NUM_INTRAOP_THREADS'] = String(count);
  if (threads !== undefined) process.env['TF_NUM_INTEROP_THREADS'] = String(count);
  process.env['TF_NUM_INTEROP_THREADS'] ??= String(count);
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'; // errors only
  await restoreRemovedNodeUtilities();
  const previous = tf.engine().backendName;
  const shared = globalThis as Record<symbol, unknown>;
  // A bundle has the names only, and what Node imports has the module itself as its default.
  shared[Symbol.for(tensorFlowJsKey)] = (tensorFlowJs as { default?: unknown }).default ?? tensorFlowJs;
  try {
    const { version } = from.load() as { version: Readonly<Record<string, string>> };
    const backend = tf.findBackend('tensorflow') as TensorFlowBackend | null;
    if (!backend) throw new Error(`${from.name} registered no backend`);
    mendTensorFlowKernels();
    mendMovedShapes(backend);
    loaded = {
      description: `TensorFlow ${backend.binding.TF_Version} through ${from.name} ${version['tfjs-node']}`,
      usesGpu: backend.isUsingGpuDevice,
      threads: count,
    };
    return loaded;
  } finally {
    Reflect.deleteProperty(shared, Symbol.for(tensorFlowJsKey));
    if (previous) await tf.setBackend(previous);
  }
}

/** Restores functions that Node removed in version 23 and that the Node package 4.22 calls. */
async function restoreRemovedNodeUtilities(): Promise<void> {
  const util = (await import('node:util')).default as unknown as Record<string, unknown>;
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
}
