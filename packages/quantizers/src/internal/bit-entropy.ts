import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { inFullPrecision } from '@vitvq/core';
import { binaryDigits } from './bits.js';
import { entropy } from './entropy.js';
import { meanOf, meanRow } from './row-means.js';

/**
 * Returns mean H[q] + `diversityWeight` (E ln 2 - H[mean q]) over the rows, in nats, at least 0. A
 * row's q is the distribution of codes of E independent bits. The first entropy is exact; the
 * second one is summed over groups of `groupSize` bits, an upper bound that makes large codebooks
 * affordable.
 * @param logits  of each bit being 1, `[rows, E]`
 * @param weights  1, or 0 for a row that does not count, `[rows]`; undefined: all count
 */
export function bitEntropyTerm(
  logits: Tensor2D,
  diversityWeight: number,
  groupSize: number,
  weights?: Tensor1D,
): Scalar {
  const codeDim = logits.shape[1];
  // H of a bit is softplus(-|x|) + |x| sigmoid(-|x|), small where the bit is certain.
  const certainty = tf.abs(logits);
  const opposite = tf.neg(certainty);
  const bitEntropies = tf.add(tf.softplus(opposite), tf.mul(certainty, tf.sigmoid(opposite)));
  const choice = meanOf(tf.sum<Tensor1D>(bitEntropies, 1), weights);
  const mean = groupSize === 1 ? entropyOfBits(logits, weights) : entropyOfGroups(logits, groupSize, weights);
  return tf.add(choice, tf.mul(tf.sub(codeDim * Math.LN2, mean), diversityWeight));
}

/** Returns the entropy of each bit's mean probabilities, summed over bits. */
function entropyOfBits(logits: Tensor2D, weights?: Tensor1D): Scalar {
  const ones = meanRow(tf.sigmoid(logits), weights);
  const zeros = meanRow(tf.sigmoid(tf.neg(logits)), weights);
  return entropy(tf.concat([ones, zeros])); // of [2 E]
}

/** Returns the entropy of the codes' mean probabilities, summed over groups of bits. */
function entropyOfGroups(logits: Tensor2D, groupSize: number, weights?: Tensor1D): Scalar {
  const codeDim = logits.shape[1];
  const groups: Scalar[] = [];
  for (let first = 0; first < codeDim; first += groupSize) {
    const size = Math.min(groupSize, codeDim - first);
    const group = tf.slice(logits, [0, first], [-1, size]);
    const ones = binaryDigits(size, 'bitEntropyTerm').all(); // [2^size, size]
    // ln sigmoid(x) = -softplus(-x); the gradient of tf.logSigmoid fails inside of tf.tidy.
    const improbabilities = inFullPrecision(() =>
      tf.add<Tensor2D>(
        tf.matMul(tf.softplus(tf.neg(group)), ones, false, true),
        tf.matMul(tf.softplus(group), tf.sub<Tensor2D>(1, ones), false, true),
      ),
    ); // -ln of the probabilities, [rows, 2^size]
    groups.push(entropy(meanRow(tf.exp(tf.neg(improbabilities)), weights)));
  }
  return tf.addN(groups);
}
