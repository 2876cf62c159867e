import { firstLine, type EngineDefinition, type Probe } from './engine-definition.js';
import type { InstallableEngine } from './installed-engine.js';
import type { TensorFlowPackage } from './load-tensorflow.js';

/** Returns the engine that runs TensorFlow's native library through its Node package. */
export function tensorFlowEngine(name: InstallableEngine): EngineDefinition {
  return { eagerBackend: 'tensorflow', probe: (threads) => probeTensorFlow(name, threads) };
}

async function probeTensorFlow(name: InstallableEngine, threads: number | undefined): Promise<Probe> {
  const install = `npx --ignore-scripts -p @vitvq/cli -p @vitvq/engine vitvq engine install ${name}`;
  const absent = (why: string, fix = install): Probe => ({ available: false, why, fix });
  const { findTensorFlow, isTensorFlowLoaded, loadTensorFlow } = await import('./load-tensorflow.js');
  const wantsGpu = name === 'tensorflow-gpu';
  const [best] = findTensorFlow()
    .filter(({ installed }) => !wantsGpu || installed !== 'tensorflow')
    .sort((a, b) => rank(a, wantsGpu) - rank(b, wantsGpu));
  if (!best) return absent(`@tensorflow/tfjs-node${wantsGpu ? '-gpu' : ''} is not installed`);
  if (!best.isComplete) return absent(`${best.name} is installed without its native part`);
  if (wantsGpu && !isTensorFlowLoaded() && !(await mayHaveGpu())) {
    return absent('there is no NVIDIA driver', 'Install the driver of the GPU.');
  }
  try {
    const { usesGpu, description, threads: loadedThreads } = await loadTensorFlow(best, threads);
    if (usesGpu === wantsGpu) return { available: true, description, threads: loadedThreads };
    return usesGpu
      ? absent('TensorFlow computes on the GPU', 'Use tensorflow-gpu, or set CUDA_VISIBLE_DEVICES=-1.')
      : absent(
          'TensorFlow is there, but it found no GPU that it can use',
          'With TF_CPP_MIN_LOG_LEVEL=0, it says what it looked for.',
        );
  } catch (error) {
    return absent(firstLine(error));
  }
}

/** The lowest is the first choice: what can be loaded, made for the device that is wanted. */
function rank({ name, installed, isComplete }: TensorFlowPackage, wantsGpu: boolean): number {
  const isForGpu = name.endsWith('gpu') || installed === 'tensorflow-gpu';
  return (isComplete ? 0 : 2) + (isForGpu === wantsGpu ? 0 : 1);
}

/** TensorFlow takes a second to load, which is spared where it cannot find a GPU. */
async function mayHaveGpu(): Promise<boolean> {
  if (process.platform !== 'linux') return process.platform === 'win32';
  const { existsSync } = await import('node:fs');
  // The driver of Linux, and that of Windows as its Linux sees it.
  return existsSync('/proc/driver/nvidia/version') || existsSync('/dev/dxg');
}
