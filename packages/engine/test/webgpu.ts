import { OnnxBackend } from '../src/onnx/onnx-backend.js';

/**
 * Whether the tests of the engine `onnx-webgpu` run: where the variable says that a GPU, or a
 * program that imitates one, is there. `npm run check-webgpu` sets it.
 */
export const hasWebGpu = Boolean(process.env['VITVQ_WEBGPU_TEST']);

/** Starts a backend on WebGPU. */
export async function startWebGpu(): Promise<OnnxBackend> {
  return new OnnxBackend({ provider: 'webgpu', threads: 1 });
}
