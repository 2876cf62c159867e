import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertShape, checkOptions } from '@vitvq/core';
import { dropoutMasksUnder } from '@vitvq/layers';
import { OrderFreeTransformer } from './internal/order-free-transformer.js';
import type { MaskedModel } from './masked-model.js';
import { orderFreeOptionNames, type OrderFreeOptions } from './order-free-options.js';
import type { Conditions, LogitsOptions } from './token-model.js';
import { orderFreeConfig } from './transformer-config.js';

/**
 * Bidirectional transformer that fills in unknown tokens (MaskGIT, arXiv:2202.04200, section 3.1).
 * Condition tokens come first; image tokens follow, with a token of its own in the place of what is
 * unknown; all see all.
 *
 * The authors' network is BERT's: `normPlacement: 'post'`, `head: 'tied'`,
 * `activation: 'gelu-tanh'`, `normEpsilon: 1e-12`. Without these options, blocks and head are those
 * of the other transformers here. Difference from the authors: conditions have a vocabulary of
 * their own, so that logits are those of codes alone.
 *
 * Variables: `embedding.…`, whose `tokens` `[V + 1, D]` end with the vector of unknown tokens,
 * `transformer.blocks.0.…`, `transformer.norm.…`, and `head.weight` `[D, V]` or those of a
 * `TiedHead`. Weights and positions start as N(0, 0.02²), biases as 0.
 */
export class MaskedTransformer extends OrderFreeTransformer implements MaskedModel {
  /** Names the kind of model in a model folder. */
  readonly type = 'masked';

  constructor(given: OrderFreeOptions) {
    const { key, ...options } = checkOptions(given, orderFreeOptionNames, 'MaskedTransformer', { allowOthers: true });
    const config = orderFreeConfig(options, 'MaskedTransformer');
    super(config, config.vocabSize + 1, key, 'MaskedTransformer');
  }

  /** See {@link MaskedModel.maskedLogits}. @throws {ShapeError} unless there are N tokens */
  maskedLogits(
    conditions: Conditions,
    tokens: Tensor2D,
    known: Tensor2D,
    { dropoutMasks }: LogitsOptions = {},
  ): Tensor3D {
    assertShape(tokens, ['B', this.positions], 'MaskedTransformer');
    assertShape(known, tokens.shape, 'MaskedTransformer', 'There is one number for each token.');
    return tf.tidy(() => {
      const unknown = tf.fill(tokens.shape, this.vocabSize, 'int32');
      const shown = tf.where<Tensor2D>(tf.greater(known, tf.scalar(0, 'int32')), tokens, unknown as Tensor2D);
      const embedded = this.embed(conditions, shown);
      const masks = dropoutMasksUnder(dropoutMasks, 'transformer');
      const { output } = this.transformer.apply(embedded, this.featureMask(embedded.shape[1]), masks);
      return this.logits(tf.slice(output, [0, this.conditionLength, 0], [-1, -1, -1]));
    });
  }

  protected get sequenceLength(): number {
    return this.conditionLength + this.positions;
  }

  /** All see all. */
  protected featureMask(length: number): Tensor2D {
    return tf.zeros([length, length]);
  }
}
