import type { Dialect } from '../dialect.js';
import { compositeRule, runtimeComposites, standardComposites } from '../rules/composite.js';
import { productRules } from '../rules/product.js';
import { deviceBarrier, deviceProduct, deviceRules } from '../rules/webgpu.js';
import { onnxRuntime } from './onnx-runtime.js';

const { layer_norm, softmax } = standardComposites;
const { gelu, gelu_tanh } = runtimeComposites;
const composites = {
  layer_norm,
  softmax,
  gelu,
  gelu_tanh,
  optimization_barrier: deviceBarrier,
} as Dialect['composites'];

/**
 * ONNX as the execution provider for WebGPU takes it: operators that have no kernel there, or one
 * that computes something else, are written as others.
 */
export const webGpu: Dialect = {
  name: 'ONNX Runtime on WebGPU',
  header: onnxRuntime.header,
  operations: {
    ...onnxRuntime.operations,
    ...deviceRules,
    ...productRules(deviceProduct),
    composite: compositeRule(composites),
  },
  composites,
};
