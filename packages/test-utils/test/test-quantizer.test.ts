import * as tf from '@tensorflow/tfjs-core';
import {
  assertShape,
  detach,
  Module,
  randomKey,
  randomNormal,
  type Quantizer,
  type QuantizeResult,
  type RandomKey,
} from '@vitvq/core';
import { testQuantizer } from '../src/index.js';

/**
 * The smallest quantizer that keeps the contract; with `codeDepth` 2 it quantizes the rest once
 * more.
 */
class NearestNeighbours extends Module implements Quantizer {
  readonly codebookSize = 5;
  readonly codeDim = 3;
  readonly #codebook: tf.Variable<tf.Rank.R2>;

  constructor(
    key: RandomKey,
    readonly codeDepth: number,
  ) {
    super();
    this.#codebook = this.variable('codebook', { shape: [5, 3], data: randomNormal(key, 15) });
  }

  quantize(z: tf.Tensor3D): QuantizeResult {
    assertShape(z, ['B', 'N', this.codeDim], 'NearestNeighbours.quantize');
    const [batch, tokens] = z.shape;
    return tf.tidy(() => {
      const chosen: tf.Tensor[] = [];
      let rest: tf.Tensor = tf.reshape(detach(z), [-1, 1, this.codeDim]);
      for (let level = 0; level < this.codeDepth; level++) {
        const index = tf.argMin(tf.sum(tf.square(tf.sub(rest, detach(this.#codebook))), 2), 1);
        chosen.push(index);
        rest = tf.sub(rest, tf.reshape(tf.gather(detach(this.#codebook), index), rest.shape));
      }
      const levels = chosen.map((index) => tf.gather(this.#codebook, tf.cast(index, 'int32')));
      const codes = tf.reshape(tf.addN(levels), z.shape);
      const indicesShape = this.codeDepth === 1 ? [batch, tokens] : [batch, tokens, this.codeDepth];
      return {
        quantized: tf.add<tf.Tensor3D>(z, detach(tf.sub(codes, z))),
        indices: tf.cast(tf.reshape<tf.Rank.R2>(tf.stack(chosen, 1), indicesShape as [number, number]), 'int32'),
        loss: tf.mean<tf.Scalar>(tf.square(tf.sub(codes, detach(z)))),
      };
    });
  }

  decode(indices: tf.Tensor2D | tf.Tensor3D): tf.Tensor3D {
    assertShape(indices, this.codeDepth === 1 ? ['B', 'N'] : ['B', 'N', this.codeDepth], 'NearestNeighbours.decode');
    return tf.tidy(() => {
      const codes = tf.gather(this.#codebook, indices);
      return (this.codeDepth === 1 ? codes : tf.sum(codes, 2)) as tf.Tensor3D;
    });
  }
}

for (const [name, depth, inputShape] of [
  ['one level', 1, [2, 4, 3]],
  ['two levels', 2, [1, 6, 3]],
] as const) {
  testQuantizer({
    name,
    create: () => new NearestNeighbours(randomKey(2 + depth), depth),
    inputShape,
    takesMask: false,
  });
}
