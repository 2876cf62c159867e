import * as tf from '@tensorflow/tfjs-core';
import { ModelBudget, type ModelNeeds, type WeightsFile } from './model-budget.js';
import type { RandomKey } from './random-key.js';

/**
 * Builds a model whose weights are about to be loaded. The key that `build` receives, and every key
 * derived from it, makes initializers return zeros instead of drawing, which is most of the time
 * that building takes. When `build` throws, the variables that it has created are disposed of.
 * @param weights  the file from which the weights are loaded: whatever the model's config says, the
 *   model cannot be much larger than the file
 * @throws {ShapeError} naming the file, as soon as the model needs far more than the file holds and
 *   before the memory is allocated
 */
export function skipInitialization<T>(build: (key: RandomKey) => T, weights?: WeightsFile): T {
  const engine = tf.engine();
  const before = new Set(Object.values(engine.registeredVariables));
  try {
    return build([0, 0, new ModelBudget(weights)]);
  } catch (error) {
    for (const variable of Object.values(engine.registeredVariables)) if (!before.has(variable)) variable.dispose();
    throw error;
  }
}

/**
 * Throws when the model that is being built with `key` for a file needs far more than the file
 * holds; does nothing for a key of any other origin. Initializers check by themselves. Call this
 * before a config's numbers are used for anything else that may become large, such as a computed
 * table or a loop over blocks.
 * @param what  the part with these needs, for the message: `20000 blocks`
 * @throws {ShapeError} naming the file
 */
export function assertFitsBudget(key: RandomKey, needs: ModelNeeds, what: string): void {
  key[2]?.assertFits(needs, what);
}
