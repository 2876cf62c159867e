import type * as tf from '@tensorflow/tfjs-core';
import { AdamBase, type AdamOptions, type AdamUpdate } from './internal/adam-base.js';
import type { Member } from './internal/groups.js';
import type { ParameterGroup } from './parameter-groups.js';

/** Options of {@link AdamW}. */
export type AdamWOptions = AdamOptions;

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2), as
 * `torch.optim.AdamW`. For step t, gradient g, learning rate a (of the group) and weight decay w:
 *
 *     m <- beta1 m + (1 - beta1) g           v <- beta2 v + (1 - beta2) g^2
 *     p <- p (1 - a w) - a (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *
 * The default betas and the default weight decay 1e-4 are those of ViT-VQGAN (arXiv:2110.04627,
 * sec. 5.1).
 *
 * State, for checkpoints: `step` (scalar, number of updates), `firstMoment.<name>` and
 * `secondMoment.<name>`. The optimizer owns its state and not the variables that it moves.
 */
export class AdamW extends AdamBase {
  /**
   * @param groups  every variable in one group only, float32 and trainable
   * @throws {ConfigError}
   */
  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    super(groups, options, { where: 'AdamW', weightDecay: 1e-4 });
  }

  protected decay(gradientScale: tf.Scalar): (member: Member, gradient: tf.Tensor) => AdamUpdate {
    return ({ weightDecay }, gradient) => ({ gradient, gradientScale, weightDecay });
  }
}
