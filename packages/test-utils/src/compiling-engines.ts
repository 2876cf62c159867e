import { hasEngine } from './require-engine.js';

/** A compiling engine, and whether it can be tested here. */
export interface CompilingEngine {
  readonly name: 'onnx' | 'pjrt' | 'onnx-webgpu';
  readonly isHere: boolean;
}

/**
 * Returns the engines that compile, for tests that each of them must pass: `onnx` can be tested
 * where it is installed, `pjrt` where `VITVQ_PJRT_PLUGIN` names a plug-in, and `onnx-webgpu` where
 * `VITVQ_WEBGPU_TEST` says that there is a device, as in the steps `pjrt` and `webgpu` of
 * `.ci/run`.
 * @example
 * for (const { name, isHere } of await compilingEngines()) {
 *   describe.skipIf(!isHere)(`on the engine ${name}`, () => { ... });
 * }
 */
export async function compilingEngines(): Promise<readonly CompilingEngine[]> {
  return [
    { name: 'onnx', isHere: await hasEngine('onnx') },
    { name: 'pjrt', isHere: Boolean(process.env['VITVQ_PJRT_PLUGIN']) },
    { name: 'onnx-webgpu', isHere: Boolean(process.env['VITVQ_WEBGPU_TEST']) },
  ];
}
