import type * as tf from '@tensorflow/tfjs-core';
import { Module } from '@vitvq/core';
import { nextLeCamAnchor, type LeCamAnchors } from '@vitvq/losses';

/**
 * Moving averages of a discriminator's logits as variables, which a checkpoint holds. They begin at
 * 0.
 */
export class LeCamState extends Module implements LeCamAnchors {
  readonly real: tf.Variable<tf.Rank.R0>;
  readonly fake: tf.Variable<tf.Rank.R0>;
  readonly #decay: number;

  constructor({ decay }: { readonly decay: number }) {
    super();
    const zero = { shape: [], data: new Float32Array(1) };
    this.real = this.variable<tf.Rank.R0>('real', zero, { trainable: false });
    this.fake = this.variable<tf.Rank.R0>('fake', zero, { trainable: false });
    this.#decay = decay;
  }

  /**
   * Moves the averages towards the mean logits of a batch. It compiles; call it in a tidy scope.
   */
  update(logitsReal: tf.Scalar, logitsFake: tf.Scalar): void {
    const decay = this.#decay;
    this.real.assign(nextLeCamAnchor(this.real, logitsReal, { decay }));
    this.fake.assign(nextLeCamAnchor(this.fake, logitsFake, { decay }));
  }
}
