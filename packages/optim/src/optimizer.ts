import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-core';

export interface ApplyOptions {
  /**
   * Multiplies every gradient first: clipping (`clipScale`), 1 / loss scale. One that is not finite skips the update:
   * variables, state and step count stay exactly as they are, whatever the gradients hold. @default 1
   */
  readonly gradientScale?: Scalar;
}

/** What moves variables along their gradients: `AdamW`, `Adam`, `Adafactor`. It owns its state, not the variables. */
export interface Optimizer {
  /**
   * One update of every variable. Pure tensor code followed by `assign`, so that it can be compiled.
   * @param gradients  one for each variable of the groups, by the same name; not disposed of
   * @param learningRate  scalar tensor, from a schedule
   * @throws {ShapeError} naming all missing, unexpected and mis-shaped gradients together; nothing has changed then
   */
  apply(gradients: ReadonlyMap<string, Tensor>, learningRate: Scalar, options?: ApplyOptions): void;
  /** The state by dotted name, for checkpoints. */
  namedVariables(): Map<string, Variable>;
  dispose(): void;
}
