import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-core';

/** Options of one update. */
export interface ApplyOptions {
  /**
   * Factor of every gradient: that of clipping (`clipScale`), or 1 / loss scale. A factor that is
   * not finite skips the update: variables, state and step count stay exactly as they are, whatever
   * the gradients are. @default 1
   */
  readonly gradientScale?: Scalar;
}

/**
 * Moves variables along their gradients: `AdamW`, `Adam`, `Adafactor`. An optimizer owns its state,
 * not the variables.
 */
export interface Optimizer {
  /**
   * Updates every variable once, with pure tensor code followed by `assign`, which compiles.
   * @param gradients  one for each variable of the groups, by the same name; not disposed of
   * @param learningRate  scalar tensor, from a schedule
   * @throws {ShapeError} naming all missing, unexpected and mis-shaped gradients together, before
   *   anything changes
   */
  apply(gradients: ReadonlyMap<string, Tensor>, learningRate: Scalar, options?: ApplyOptions): void;
  /** Returns the state by dotted name, for checkpoints. */
  namedVariables(): Map<string, Variable>;
  /** Frees the state. */
  dispose(): void;
}
