import { firstLine, type EngineDefinition } from '../engines/engine-definition.js';
import { importOptional } from '../engines/import-optional.js';
import { installedVersion } from '../engines/installed-version.js';

const fix =
  'npm install --ignore-scripts onnxruntime-node@1.30.0 (its script would download CUDA files, and fail where it cannot)';

/** The engine that compiles for ONNX Runtime. */
export const onnxEngine: EngineDefinition = {
  eagerBackend: 'cpu',
  probe: async () => {
    try {
      const { missingWorkerFile, onnxWorker } = await import('../backend/worker-file.js');
      const missing = missingWorkerFile(onnxWorker);
      if (missing) return { available: false, ...missing };
      if ((await importOptional('onnxruntime-node')) === undefined) {
        return { available: false, why: 'onnxruntime-node is not installed', fix };
      }
      const version = await installedVersion('onnxruntime-node');
      return { available: true, description: `ONNX Runtime ${version}, compiled graphs on the CPU` };
    } catch (error) {
      return { available: false, why: firstLine(error), fix };
    }
  },
  startBackend: async ({ threads }) => {
    const { OnnxBackend } = await import('./onnx-backend.js');
    return new OnnxBackend({ threads });
  },
};
