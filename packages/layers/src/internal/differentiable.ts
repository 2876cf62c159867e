import * as tf from '@tensorflow/tfjs-core';
import type { GradSaveFunc, Tensor } from '@tensorflow/tfjs-core';

/**
 * Applies a function with a hand-written gradient. `forward` gets plain inputs (nothing inside is
 * recorded for differentiation) and returns the tensors that `backward` needs; `backward` returns
 * one gradient for each input. First order only: a saved tensor counts as a constant in a gradient
 * of the gradient.
 */
export function differentiable<T extends Tensor>(
  inputs: readonly Tensor[],
  forward: (...inputs: Tensor[]) => { value: T; saved: Tensor[] },
  backward: (dy: T, saved: Tensor[]) => Tensor[],
): T {
  return tf.customGrad<T>((...inputsAndSave) => {
    const save = inputsAndSave.at(-1) as GradSaveFunc;
    const { value, saved } = forward(...(inputsAndSave.slice(0, -1) as Tensor[]));
    save(saved);
    return { value, gradFunc: backward };
  })(...inputs);
}
