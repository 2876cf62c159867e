import * as tf from '@tensorflow/tfjs-core';
import type { KernelBackend, Tensor } from '@tensorflow/tfjs-core';

/** Numbers, strings and flags on which the meaning of a composite depends. */
export type CompositeAttributes = Readonly<Record<string, number | string | boolean>>;

/** Computation of a composite, made of plain TensorFlow.js operations. */
export type CompositeBody = (...operands: Tensor[]) => Tensor[];

/**
 * Capabilities of a TensorFlow.js backend that records operations instead of running them. A
 * tracing engine implements all of them; ordinary backends have none.
 */
export interface RecordingBackend extends KernelBackend {
  /** Records a composite and calls `body` with stand-ins to record what it is made of. */
  recordComposite(
    name: string,
    attributes: CompositeAttributes,
    operands: readonly Tensor[],
    body: CompositeBody,
  ): Tensor[];
  /** Returns a tensor with the values of `x` that the gradient tape does not know. */
  recordDetach(x: Tensor): Tensor;
  /** Calls `body`, whose products, and those of its gradients, are recorded as float32. */
  recordFullPrecision<T>(body: () => T): T;
}

/**
 * Computes `body(...operands)` under a name, such as `layer_norm` or `adamw`. A compiling engine
 * may replace the composite with one fused kernel or inline the body; every other backend runs the
 * body. `body` must use its arguments only (no captured tensors), must be deterministic, and has no
 * gradient of its own: call it inside `tf.customGrad` where one is needed.
 */
export function composite(
  name: string,
  attributes: CompositeAttributes,
  operands: readonly Tensor[],
  body: CompositeBody,
): Tensor[] {
  const backend = tf.backend() as Partial<RecordingBackend>;
  return backend.recordComposite?.(name, attributes, operands, body) ?? body(...operands);
}
