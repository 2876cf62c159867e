import type { Platform } from '../engines/engine-definition.js';
import { eagerEngines } from '../engines/eager-engines.js';
import { tensorFlowEngine } from '../engines/tensorflow-engine.js';
import { onnxCudaEngine, onnxEngine, onnxWebGpuEngine } from '../onnx/onnx-engine.js';
import { pjrtEngine } from '../pjrt/pjrt-engine.js';

/** Node, and runtimes that are like it. */
export const platform: Platform = {
  engines: {
    ...eagerEngines,
    pjrt: pjrtEngine,
    'tensorflow-gpu': tensorFlowEngine('tensorflow-gpu'),
    tensorflow: tensorFlowEngine('tensorflow'),
    onnx: onnxEngine,
    'onnx-cuda': onnxCudaEngine,
    'onnx-webgpu': onnxWebGpuEngine,
  },
  expectedEngine: 'onnx',
  availableThreads: async () => (await import('node:os')).availableParallelism(),
  describeSystem: async () => {
    const os = await import('node:os');
    return {
      runtime: `Node ${process.version}`,
      platform: `${process.platform} ${process.arch}`,
      processor: os.cpus()[0]?.model.trim() ?? 'unknown processor',
      cores: os.availableParallelism(),
      memoryGigabytes: Math.round(os.totalmem() / 2 ** 30),
    };
  },
  warn: (text) => void process.stderr.write(`${text}\n`),
};
