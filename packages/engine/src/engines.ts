import * as tf from '@tensorflow/tfjs-core';
import { registerGradients } from './gradients.js';
import { EngineError } from './errors.js';
import type { OnnxDevice } from './onnx/device.js';

/** In the order of automatic choice. */
export const engineNames = ['tensorflow-gpu', 'onnx', 'tensorflow', 'webgpu', 'webgl', 'cpu'] as const;
export type EngineName = (typeof engineNames)[number];

/** A function is being compiled, or was. */
export interface CompileEvent {
  readonly name: string;
  readonly phase: 'start' | 'done';
  /** On `done`: tracing, lowering and loading together. */
  readonly milliseconds?: number;
}

export interface EngineOptions {
  /** @default 'auto': the first of `engineNames` that works here */
  readonly name?: EngineName | 'auto';
  /** Threads of the compiled engine; other engines decide by themselves. @default the number of cores */
  readonly threads?: number;
  /** Called around each compilation. @default a line on stderr for those that take over half a second */
  readonly onCompile?: (event: CompileEvent) => void;
}

interface EngineFacts {
  readonly name: EngineName;
  /** Why this one was chosen. */
  readonly reason: string;
  readonly threads: number;
  /** What it is, with versions. */
  readonly description: string;
}
export interface OnnxEngine extends EngineFacts {
  readonly kind: 'compiled';
  readonly device: OnnxDevice;
  readonly onCompile: ((event: CompileEvent) => void) | undefined;
}
interface EagerEngine extends EngineFacts {
  readonly kind: 'eager';
}
/** The engine that runs compiled functions. */
export type Engine = OnnxEngine | EagerEngine;

/** What is known of an engine on this machine. */
export type Probe =
  | { readonly available: true; readonly description: string }
  | { readonly available: false; readonly why: string; readonly fix: string };

/** What of a browser's globals the choice depends on. */
const browser = globalThis as {
  readonly navigator?: { readonly gpu?: unknown; readonly hardwareConcurrency?: number };
  readonly document?: unknown;
  readonly OffscreenCanvas?: unknown;
};

const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;

function message(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

/** `undefined` where a package is not installed; other failures are thrown. */
async function importOptional(name: string): Promise<unknown> {
  try {
    return (await import(name)) as unknown;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND' && message(error).includes(name)) return undefined;
    throw error;
  }
}

async function installedVersion(name: string): Promise<string> {
  try {
    const { createRequire } = await import('node:module');
    const { version } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string };
    return version;
  } catch {
    return 'unknown version';
  }
}

/** TensorFlow.js's Node binding 4.22 calls functions that Node removed in version 23. */
async function restoreRemovedNodeUtilities(): Promise<void> {
  const { createRequire } = await import('node:module');
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}

async function probeTensorFlow(name: '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu'): Promise<Probe> {
  const fix = `npm install ${name}@4.22.0 (it downloads a binary when it is installed; it is simply absent where that fails)`;
  if (!isNode) return { available: false, why: 'it runs in Node only', fix: 'Use webgpu or webgl.' };
  await restoreRemovedNodeUtilities();
  const previous = tf.engine().backendName;
  try {
    if ((await importOptional(name)) === undefined) return { available: false, why: `${name} is not installed`, fix };
    const backend = tf.findBackend('tensorflow') as (tf.KernelBackend & { isUsingGpuDevice?: boolean }) | null;
    if (!backend) return { available: false, why: `${name} registered no backend`, fix };
    if (name.endsWith('gpu') && !backend.isUsingGpuDevice) {
      return {
        available: false,
        why: 'the package is installed, but it found no GPU that it can use',
        fix: 'It needs an NVIDIA driver, CUDA 11.2 and cuDNN 8.1 (the versions that TensorFlow 2.9 was built with).',
      };
    }
    return { available: true, description: `${name} ${await installedVersion(name)}` };
  } catch (error) {
    return { available: false, why: message(error), fix };
  } finally {
    if (previous) await tf.setBackend(previous);
  }
}

const probes: Record<EngineName, () => Promise<Probe>> = {
  'tensorflow-gpu': () => probeTensorFlow('@tensorflow/tfjs-node-gpu'),
  tensorflow: () => probeTensorFlow('@tensorflow/tfjs-node'),
  onnx: async () => {
    const fix =
      'npm install onnxruntime-node@1.30.0 (put `onnxruntime-node-install=skip` into .npmrc first: its install script downloads CUDA files and fails where it cannot)';
    if (!isNode) return { available: false, why: 'it runs in Node only', fix: 'Use webgpu or webgl.' };
    try {
      if ((await importOptional('onnxruntime-node')) === undefined) {
        return { available: false, why: 'onnxruntime-node is not installed', fix };
      }
      return {
        available: true,
        description: `ONNX Runtime ${await installedVersion('onnxruntime-node')}, compiled graphs on the CPU`,
      };
    } catch (error) {
      return { available: false, why: message(error), fix };
    }
  },
  webgpu: async () => {
    if (browser.navigator?.gpu === undefined) {
      return { available: false, why: 'there is no navigator.gpu', fix: 'Use a browser with WebGPU.' };
    }
    const name = '@tensorflow/tfjs-backend-webgpu';
    const loaded = await importOptional(name).catch(() => undefined);
    if (loaded === undefined)
      return { available: false, why: `${name} is not installed`, fix: `npm install ${name}@4.22.0` };
    return { available: true, description: 'TensorFlow.js on WebGPU' };
  },
  webgl: async () =>
    browser.document === undefined && browser.OffscreenCanvas === undefined
      ? { available: false, why: 'there is no canvas', fix: 'Use a browser.' }
      : { available: true, description: 'TensorFlow.js on WebGL' },
  cpu: async () => ({ available: true, description: 'TensorFlow.js in plain JavaScript: exact and very slow' }),
};

/** Whether an engine works here, and why not. */
export function probeEngine(name: EngineName): Promise<Probe> {
  return probes[name]();
}

let running: Engine | undefined;
let starting: Promise<Engine> | undefined;

/** The engine in use, if one was started. */
export function currentEngine(): Engine | undefined {
  return running;
}

/** The engine in use, or the automatic choice, started now. */
export function startedEngine(): Promise<Engine> {
  return running ? Promise.resolve(running) : (starting ??= useEngine());
}

/**
 * Chooses the engine for every compiled function from now on. Without it, the first call chooses automatically.
 * @throws {EngineError} when the engine that was asked for by name cannot be used, with how to get it
 */
export async function useEngine(options: EngineOptions = {}): Promise<Engine> {
  const { name = 'auto' } = options;
  if (name !== 'auto' && !engineNames.includes(name)) {
    throw new EngineError({
      where: 'useEngine',
      expected: `one of auto, ${engineNames.join(', ')}`,
      got: `"${String(name)}"`,
    });
  }
  const missing: string[] = [];
  for (const candidate of name === 'auto' ? engineNames : [name]) {
    const probe = await probeEngine(candidate);
    if (!probe.available) {
      if (name !== 'auto') {
        throw new EngineError({
          where: 'useEngine',
          expected: `the engine "${name}" to work here`,
          got: probe.why,
          fix: probe.fix,
        });
      }
      missing.push(`${candidate}: ${probe.why}`);
      continue;
    }
    const reason =
      name === 'auto'
        ? `first that works here${missing.length ? ` (${missing.join('; ')})` : ''}`
        : 'asked for by name';
    const previous = running;
    try {
      running = await start(candidate, probe.description, reason, options);
    } catch (error) {
      if (name !== 'auto' || candidate === 'cpu') throw error;
      missing.push(`${candidate}: ${message(error)}`);
      continue;
    }
    starting = undefined;
    if (previous?.kind === 'compiled') await retire(previous);
    return running;
  }
  throw new EngineError({ where: 'useEngine', expected: 'an engine', got: 'none' }); // cpu always works
}

async function start(name: EngineName, description: string, reason: string, options: EngineOptions): Promise<Engine> {
  registerGradients();
  const threads = options.threads ?? (await availableThreads());
  if (!Number.isInteger(threads) || threads < 1) {
    throw new EngineError({
      where: 'useEngine',
      expected: 'threads to be a whole number of at least 1',
      got: String(threads),
    });
  }
  if (name === 'onnx') {
    await useBackend('cpu');
    const { OnnxDevice } = await import('./onnx/device.js');
    const device = new OnnxDevice({ threads });
    const onCompile = options.onCompile ?? reportSlowCompilation;
    return { kind: 'compiled', name, description, reason, threads, device, onCompile };
  }
  await useBackend(name === 'tensorflow-gpu' ? 'tensorflow' : name);
  return { kind: 'eager', name, description, reason, threads };
}

async function availableThreads(): Promise<number> {
  if (!isNode) return browser.navigator?.hardwareConcurrency ?? 1;
  const { availableParallelism } = await import('node:os');
  return availableParallelism();
}

async function useBackend(name: string): Promise<void> {
  // The cpu backend would print advice to install tfjs-node when it is first used; `doctor` says that better.
  if (name === 'cpu') Object.assign(tf.findBackend('cpu'), { firstUse: false });
  if (!(await tf.setBackend(name))) {
    throw new EngineError({
      where: 'useEngine',
      expected: `the TensorFlow.js backend "${name}" to start`,
      got: 'a failure',
      fix: 'Its own message above says more; another engine may work.',
    });
  }
}

/** Brings every tensor of an engine back to the active backend, and ends its worker. */
async function retire(engine: OnnxEngine): Promise<void> {
  await engine.device.evacuate(tf.backend());
  await engine.device.terminate();
}

function reportSlowCompilation({ name, phase, milliseconds = 0 }: CompileEvent): void {
  if (phase === 'done' && milliseconds > 500) {
    process.stderr.write(`vitvq: compiled ${name} in ${(milliseconds / 1000).toFixed(1)} s\n`);
  }
}
