import * as tf from '@tensorflow/tfjs-core';
import type { GradSaveFunc, Tensor, Variable } from '@tensorflow/tfjs-core';
import { composite } from './composite.js';

/**
 * `fn(...inputs)`, keeping the inputs only: what lies between is computed again when the gradient is taken (gradient checkpointing,
 * Chen et al. 2016, arXiv:1604.06174, sec. 3). Memory for activations of one `fn` at a time, for about a third more time. The
 * values and gradients are those of `fn` itself.
 *
 * Where a function is compiled, the second computation is tied to the gradient that arrives, so that no engine merges it with
 * the first or does it early.
 * @param fn  a function of its inputs and of variables, without randomness; it runs twice
 * @param inputs  float32; gradients flow to them
 * @param variables  the variables that `fn` reads and that gradients flow to; no others get one
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

/** The same tensors, none of which a compiled program has before it has them all, and which it takes for new ones. */
function optimizationBarrier(tensors: readonly Tensor[]): Tensor[] {
  return composite('optimization_barrier', {}, tensors, (...operands) => operands.map((operand) => tf.clone(operand)));
}

/** Gradients while other gradients are being computed; a tensor that `fn` does not depend on gets zeros. */
function gradientsWithin(fn: () => Tensor, toward: readonly Tensor[], dy: Tensor): Tensor[] {
  const engine = tf.engine();
  // TensorFlow.js begins a tape, and drops it afterwards, as if no outer one were being read.
  const outerTape = engine.state.activeTape;
  try {
    const { grads } = engine.gradients(fn, [...toward], dy, true) as { grads: (Tensor | undefined)[] };
    return grads.map((gradient, index) => gradient ?? tf.zerosLike(toward[index]!));
  } finally {
    if (engine.state.gradientDepth === 0) engine.state.activeTape = outerTape;
  }
}
