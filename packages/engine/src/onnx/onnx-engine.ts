import { firstLine, type EngineDefinition, type EngineDetails, type Probe } from '../engines/engine-definition.js';
import { importOptional } from '../engines/import-optional.js';
import { installedVersion } from '../engines/installed-version.js';
import { EngineError } from '../errors.js';
import type { OnnxBackend } from './onnx-backend.js';
import type { OnnxProvider } from './protocol.js';

const packageFix =
  'npm install --ignore-scripts onnxruntime-node@1.30.0 (its script would download CUDA files, and fail where it cannot)';

/** Finds out whether the package is here; a provider is started by {@link startProvider}. */
async function probe(what: string, notAutomatic?: string): Promise<Probe> {
  try {
    const { missingWorkerFile, onnxWorker } = await import('../backend/worker-file.js');
    const missing = missingWorkerFile(onnxWorker);
    if (missing) return { available: false, ...missing };
    if ((await importOptional('onnxruntime-node')) === undefined) {
      return { available: false, why: 'onnxruntime-node is not installed', fix: packageFix };
    }
    const version = await installedVersion('onnxruntime-node');
    return { available: true, description: `ONNX Runtime ${version}, compiled graphs on ${what}`, notAutomatic };
  } catch (error) {
    return { available: false, why: firstLine(error), fix: packageFix };
  }
}

/** The engine that compiles for ONNX Runtime. */
export const onnxEngine: EngineDefinition = {
  eagerBackend: 'cpu',
  // There are no kernels of narrow types that are faster.
  narrow: { bfloat16: 'rounded', float16: 'rounded' },
  probe: () => probe('the CPU'),
  startBackend: async ({ threads }) => {
    const { OnnxBackend } = await import('./onnx-backend.js');
    return new OnnxBackend({ threads });
  },
};

/**
 * Returns an engine on an execution provider for GPUs. The native library finds a GPU only when it
 * starts, and may print then; it is therefore never started in this process without being asked
 * for.
 */
function acceleratedEngine(
  provider: Exclude<OnnxProvider, 'cpu'>,
  texts: { readonly what: string; readonly notAutomatic: string; readonly fix: string },
): EngineDefinition {
  const notStarted = (reason: string): EngineError =>
    new EngineError({
      where: `onnx-${provider} engine`,
      expected: `ONNX Runtime to start its execution provider "${provider}"`,
      got: reasonOf(reason),
      fix: texts.fix,
    });
  async function startBackend({ threads }: { readonly threads: number }): Promise<OnnxBackend> {
    const { OnnxBackend } = await import('./onnx-backend.js');
    const backend = new OnnxBackend({ provider, threads });
    try {
      await backend.startProvider();
      return backend;
    } catch (error) {
      await backend.terminate();
      throw notStarted(error instanceof EngineError ? error.got : firstLine(error));
    }
  }
  return {
    eagerBackend: 'cpu',
    narrow: { float16: 'native' },
    probe: () => probe(texts.what, texts.notAutomatic),
    startBackend,
    describe: async (running): Promise<EngineDetails> => {
      if (!running) {
        const { tryProvider } = await import('./try-provider.js');
        const reason = await tryProvider(provider);
        if (reason !== undefined) throw notStarted(reason);
      }
      return { versions: `execution provider ${provider}`, devices: [] };
    },
  };
}

/** Returns the last part of a native message, which places in C++ precede. */
const reasonOf = (message: string): string => firstLine(message).replace(/^\/\S+ [^]*?\) (?=\S)/, '');

/** The engine that compiles for ONNX Runtime on WebGPU: tensors stay on the device. */
export const onnxWebGpuEngine = acceleratedEngine('webgpu', {
  what: 'WebGPU (Vulkan, Direct3D 12 or Metal)',
  notAutomatic: 'it cannot tell a GPU from a program that imitates one',
  fix: 'It needs a GPU with a driver, on Linux one for Vulkan and the loader (apt-get install libvulkan1).',
});

/** The engine that compiles for ONNX Runtime on CUDA. */
export const onnxCudaEngine = acceleratedEngine('cuda', {
  what: 'CUDA',
  notAutomatic: 'tensors go to the GPU and back in every call',
  fix: 'It needs an NVIDIA driver, CUDA and cuDNN, and the provider: npm rebuild onnxruntime-node --ignore-scripts=false --onnxruntime-node-install=cuda12 fetches it on Linux x64 from outside the registry.',
});
