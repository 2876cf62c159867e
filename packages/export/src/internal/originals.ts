import * as tf from '@tensorflow/tfjs-core';
import { compile, currentEngine } from '@vitvq/engine';
import type { OriginalBy } from '../manifest.js';
import type { HostValue } from './runtimes.js';

/** Number of multiplications that plain TensorFlow.js does in some seconds. */
const affordableMultiplications = 2 ** 30;

/**
 * Returns what computes the first example of a check: plain TensorFlow.js, operation by operation,
 * unless the model is too large for that. A compiled function is lowered by the same code as the
 * files, so that both may have the same mistake.
 * @param multiplications  about how many multiplications the example takes
 */
export function originalBy(multiplications: number): OriginalBy {
  const isCompiled = currentEngine()?.kind === 'compiled';
  return !isCompiled || multiplications <= affordableMultiplications ? 'tensorflow.js' : 'engine';
}

/** Function of an original model whose results are host values. */
export interface Original<Inputs extends tf.Tensor[]> {
  run(by: OriginalBy, ...inputs: Inputs): Promise<HostValue>;
  dispose(): void;
}

/** Returns a function of an original model that runs compiled or operation by operation. */
export function original<Inputs extends tf.Tensor[]>(
  name: string,
  fn: (...inputs: Inputs) => tf.Tensor,
): Original<Inputs> {
  const compiled = compile((...inputs: tf.Tensor[]) => fn(...(inputs as Inputs)), { name });
  return {
    async run(by, ...inputs) {
      // With an engine that compiles, everything else runs on the cpu backend of TensorFlow.js.
      const result = by === 'engine' ? await compiled(...inputs) : tf.tidy(() => fn(...inputs));
      const { shape, dtype } = result;
      const values = await result.data();
      result.dispose();
      return { shape, data: dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values) };
    },
    dispose: () => compiled.dispose(),
  };
}
