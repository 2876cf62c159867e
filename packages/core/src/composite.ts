import type { Tensor } from '@tensorflow/tfjs-core';

/** Numbers, strings and flags that a composite's meaning depends on. */
export type CompositeAttributes = Readonly<Record<string, number | string | boolean>>;

/** Records a composite while a function is traced; runs `body` to learn what it is made of. */
export type CompositeRecorder = (
  name: string,
  attributes: CompositeAttributes,
  operands: readonly Tensor[],
  body: (...operands: Tensor[]) => Tensor[],
) => Tensor[];

let recorder: CompositeRecorder | undefined;

/**
 * A named piece of computation with a body of plain TensorFlow.js operations: `layer_norm`, `adamw`, ... An engine that
 * compiles may map it to one fused kernel or inline the body; everywhere else the body simply runs. `body` must use its
 * arguments only (no captured tensors), must be deterministic, and has no gradient of its own: call it inside
 * `tf.customGrad` where one is needed.
 */
export function composite(
  name: string,
  attributes: CompositeAttributes,
  operands: readonly Tensor[],
  body: (...operands: Tensor[]) => Tensor[],
): Tensor[] {
  return recorder ? recorder(name, attributes, operands, body) : body(...operands);
}

/** For engines: installs the recorder of the trace that is under way and returns the previous one. */
export function setCompositeRecorder(next: CompositeRecorder | undefined): CompositeRecorder | undefined {
  const previous = recorder;
  recorder = next;
  return previous;
}
