import * as tf from '@tensorflow/tfjs-core';
import { AdamBase, type AdamOptions, type AdamUpdate } from './internal/adam-base.js';
import { choose, isFiniteScalar } from './internal/finite.js';
import type { Member } from './internal/groups.js';
import type { ParameterGroup } from './parameter-groups.js';

/**
 * Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1), as `torch.optim.Adam`. Weight decay, 0
 * unless a group says otherwise, is that of an L2 penalty: `g + w p` replaces the gradient g, after
 * clipping, and enters both moments. `AdamW` keeps the decay out of them.
 *
 * The default betas are those of ViT-VQGAN (arXiv:2110.04627, sec. 5.1); PyTorch's beta2 is 0.999.
 * State and ownership are those of `AdamW`, so that a checkpoint of one fits the other.
 */
export class Adam extends AdamBase {
  /**
   * @param groups  every variable in one group only, float32 and trainable
   * @throws {ConfigError}
   */
  constructor(groups: readonly ParameterGroup[], options: AdamOptions = {}) {
    super(groups, options, { where: 'Adam', weightDecay: 0 });
  }

  protected decay(gradientScale: tf.Scalar): (member: Member, gradient: tf.Tensor) => AdamUpdate {
    // The gradients are scaled before the penalty is added; afterwards the scale only says whether
    // to skip.
    const skipOrOne = choose(isFiniteScalar(gradientScale), tf.scalar(1), gradientScale);
    return ({ variable, weightDecay }, gradient) =>
      weightDecay === 0
        ? { gradient, gradientScale, weightDecay: 0 }
        : {
            gradient: tf.add(tf.mul(gradient, gradientScale), tf.mul(variable, weightDecay)),
            gradientScale: skipOrOne,
            weightDecay: 0,
          };
  }
}
