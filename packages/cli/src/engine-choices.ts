import type { EngineName } from '@vitvq/engine';

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
