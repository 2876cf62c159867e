import type { EngineName } from '@vitvq/engine';
import type { ConfigObject } from '@vitvq/run';

/** Engines that a program in Node can name. */
export const engineChoices = [
  'auto',
  'pjrt',
  'onnx',
  'onnx-webgpu',
  'onnx-cuda',
  'tensorflow-gpu',
  'tensorflow',
  'cpu',
] as const satisfies readonly (EngineName | 'auto')[];

/** What the options `--engine`, `--threads` and `--devices` say. */
export interface EngineRequest {
  readonly engine?: EngineName | 'auto' | undefined;
  readonly threads?: number | undefined;
  /** Devices over which batches are sharded, on the engine `pjrt`. */
  readonly devices?: number | undefined;
}

/** Returns the change of a config that `--engine`, `--threads` and `--devices` ask for. */
export function engineChanges({ engine, threads, devices }: EngineRequest): ConfigObject {
  return {
    ...(engine !== undefined && { engine }),
    ...(threads !== undefined && { threads }),
    ...(devices !== undefined && { mesh: { data: devices } }),
  };
}
