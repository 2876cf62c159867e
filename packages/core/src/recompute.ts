import * as tf from '@tensorflow/tfjs-core';
import type { GradSaveFunc, Tensor, Variable } from '@tensorflow/tfjs-core';
import { composite } from './composite.js';

/**
 * Computes `fn(...inputs)` and keeps only the inputs: the activations in between are computed again
 * when the gradient is taken (gradient checkpointing, Chen et al. 2016, arXiv:1604.06174, sec. 3).
 * Memory holds the activations of one `fn` at a time, for about a third more time. Values and
 * gradients are those of `fn` itself.
 *
 * In a compiled function, the second computation depends on the incoming gradient, so that no
 * engine merges it with the first computation or runs it early.
 * @param fn  a function of its inputs and of variables, without randomness; it runs twice
 * @param inputs  float32 tensors, which receive gradients
 * @param variables  the variables that `fn` reads and that receive gradients; no others do
 */
export function recompute<T extends Tensor>(
  fn: (...inputs: Tensor[]) => T,
  inputs: readonly Tensor[],
  variables: readonly Variable[],
): T {
  const wrapped = tf.customGrad<T>((...operandsAndSave) => {
    const save = operandsAndSave.at(-1) as GradSaveFunc;
    const operands = operandsAndSave.slice(0, inputs.length) as Tensor[];
    const value = fn(...operands);
    save(operands);
    return {
      value,
      gradFunc: (dy, saved) => {
        const [, ...again] = optimizationBarrier([dy, ...saved]);
        return gradientsWithin(() => fn(...again), [...again, ...variables], dy);
      },
    };
  });
  return wrapped(...inputs, ...variables);
}

/**
 * Returns the same tensors as new values, none of which a compiled program has before it has all of
 * them.
 */
function optimizationBarrier(tensors: readonly Tensor[]): Tensor[] {
  return composite('optimization_barrier', {}, tensors, (...operands) => operands.map((operand) => tf.clone(operand)));
}

/**
 * Computes gradients while other gradients are being computed. A tensor on which `fn` does not
 * depend gets zeros.
 */
function gradientsWithin(fn: () => Tensor, toward: readonly Tensor[], dy: Tensor): Tensor[] {
  const engine = tf.engine();
  // TensorFlow.js starts a new tape and drops it afterwards, even while an outer tape is being
  // read.
  const outerTape = engine.state.activeTape;
  try {
    const { grads } = engine.gradients(fn, [...toward], dy, true) as { grads: (Tensor | undefined)[] };
    return grads.map((gradient, index) => gradient ?? tf.zerosLike(toward[index]!));
  } finally {
    if (engine.state.gradientDepth === 0) engine.state.activeTape = outerTape;
  }
}
