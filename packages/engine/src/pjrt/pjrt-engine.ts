import {
  firstLine,
  type EngineDefinition,
  type EngineDetails,
  type Probe,
  type ServeDevicesOptions,
} from '../engines/engine-definition.js';
import { importOptional } from '../engines/import-optional.js';
import { EngineError } from '../errors.js';
import { oneDevice, type Mesh } from '../mesh.js';
import type { LinkedProcess, ProcessesOptions } from './processes/linked-process.js';
import type { FoundPlugin } from './find-plugin.js';
import type { PjrtBackend } from './pjrt-backend.js';

const pluginFix =
  'For an NVIDIA GPU: vitvq engine install pjrt, or pip install "jax[cuda13]". Any other PJRT plug-in: name its file in VITVQ_PJRT_PLUGIN.';
const koffiFix = 'npm install --ignore-scripts koffi@3.3.4';

async function findPlugin(): Promise<FoundPlugin | undefined> {
  return (await import('./find-plugin.js')).findPlugin();
}

async function probe(): Promise<Probe> {
  try {
    const { existsSync } = await import('node:fs');
    const { missingWorkerFile, pjrtWorker } = await import('../backend/worker-file.js');
    const missing = missingWorkerFile(pjrtWorker);
    if (missing) return { available: false, ...missing };
    const plugin = await findPlugin();
    if (!plugin) return { available: false, why: 'no PJRT plug-in was found', fix: pluginFix };
    const { path, isNamed, isCpu } = plugin;
    if (!existsSync(path)) return { available: false, why: `there is no file ${path}`, fix: pluginFix };
    if ((await importOptional('koffi')) === undefined) {
      return { available: false, why: 'koffi is not installed', fix: koffiFix };
    }
    const description = `XLA through the PJRT plug-in ${path}`;
    const notAutomatic = isCpu && !isNamed ? 'its plug-in is for the CPU, where onnx is faster' : undefined;
    return { available: true, description, notAutomatic };
  } catch (error) {
    return { available: false, why: firstLine(error), fix: pluginFix };
  }
}

/** @throws {EngineError} where there is none */
async function requirePlugin(): Promise<FoundPlugin> {
  const plugin = await findPlugin();
  if (plugin) return plugin;
  throw new EngineError({ where: 'pjrt engine', expected: 'a PJRT plug-in', got: 'none', fix: pluginFix });
}

/** Joins a run of several processes. @throws {EngineError} */
async function join(options: ProcessesOptions, mesh: Mesh | undefined): Promise<LinkedProcess> {
  const { missingWorkerFile, processWorker } = await import('../backend/worker-file.js');
  const missing = missingWorkerFile(processWorker);
  if (missing) {
    const { why: got, fix } = missing;
    throw new EngineError({ where: 'pjrt engine', expected: 'the threads of a run of several processes', got, fix });
  }
  const { LinkedProcess } = await import('./processes/linked-process.js');
  return LinkedProcess.join(options, mesh);
}

async function serveDevices({ signal, ...options }: ServeDevicesOptions): Promise<void> {
  const { path: plugin, isCpu } = await requirePlugin();
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3';
  const joining = join(options, undefined);
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  aborted.catch(() => undefined); // once it has joined, process 0 decides
  const linked = await Promise.race([joining, aborted]);
  const { serve } = await import('./processes/serve.js');
  await serve(linked, { plugin, isCpu, signal });
}

/** Variable from which XLA takes the number of its threads when a client is created. */
const threadsVariable = 'NPROC';

interface StartOptions {
  /** Threads of the host. @default XLA's own choice */
  readonly threads?: number;
  readonly mesh?: Mesh;
  /** @default this process is alone */
  readonly processes?: ProcessesOptions | undefined;
}

/** Starts the plug-in, which finds out whether there are devices. */
async function start({ threads, mesh = oneDevice, processes }: StartOptions = {}): Promise<PjrtBackend> {
  const plugin = await requirePlugin();
  const { PjrtBackend } = await import('./pjrt-backend.js');
  const { defaultCacheDirectory } = await import('@vitvq/files');
  const path = await import('node:path');
  const linked = processes && (await join(processes, mesh));
  // XLA writes to the terminal by itself; what fails comes back as an error all the same.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3';
  const given = process.env[threadsVariable];
  if (threads !== undefined) process.env[threadsVariable] = String(threads);
  const { path: file, isCpu } = plugin;
  const cacheFolder = path.join(defaultCacheDirectory(), 'pjrt');
  try {
    return await PjrtBackend.start({ plugin: file, isCpu, mesh, cacheFolder, linked });
  } finally {
    // Programs that this process starts later have a choice of their own.
    if (given === undefined) Reflect.deleteProperty(process.env, threadsVariable);
    else process.env[threadsVariable] = given;
  }
}

/** The engine that compiles for XLA, on whatever a PJRT plug-in supports. */
export const pjrtEngine: EngineDefinition = {
  eagerBackend: 'cpu',
  narrow: { bfloat16: 'native', float16: 'native' },
  probe,
  takesMesh: true,
  startBackend: start,
  serveDevices,
  describe: async (running): Promise<EngineDetails> => {
    const backend = (running as PjrtBackend | undefined) ?? (await start());
    try {
      const { platform, platformVersion, apiVersion, attributes, devices } = await backend.describe();
      const versions = [
        `${platform}, PJRT C API ${apiVersion.major}.${apiVersion.minor}`,
        ...platformVersion.split('\n'),
        attributes,
      ];
      return {
        versions: versions.filter((text) => text !== '' && text !== platform).join(', '),
        devices: devices.map(({ name, memory }) => ({ name, ...memory })),
      };
    } finally {
      if (!running) await backend.terminate();
    }
  },
};
