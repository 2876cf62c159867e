import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { inFullPrecision } from '@vitvq/core';
import { binaryDigits } from './bits.js';
import { entropy } from './entropy.js';

/**
 * Returns mean H[q] + `diversityWeight` (E ln 2 - H[mean q]) over the rows, in nats, at least 0. A
 * row's q is the distribution of codes of E independent bits. The first entropy is exact; the
 * second one is summed over groups of `groupSize` bits, an upper bound that makes large codebooks
 * affordable.
 * @param logits  of each bit being 1, `[rows, E]`
 */
export function bitEntropyTerm(logits: Tensor2D, diversityWeight: number, groupSize: number): Scalar {
  const codeDim = logits.shape[1];
  // H of a bit is softplus(-|x|) + |x| sigmoid(-|x|), small where the bit is certain.
  const certainty = tf.abs(logits);
  const opposite = tf.neg(certainty);
  const bitEntropies = tf.add(tf.softplus(opposite), tf.mul(certainty, tf.sigmoid(opposite)));
  const choice = tf.mean(tf.sum(bitEntropies, 1));
  const mean = groupSize === 1 ? entropyOfBits(logits) : entropyOfGroups(logits, groupSize);
  return tf.add(choice, tf.mul(tf.sub(codeDim * Math.LN2, mean), diversityWeight));
}

/** Returns the entropy of each bit's mean probabilities, summed over bits. */
function entropyOfBits(logits: Tensor2D): Scalar {
  const ones = tf.mean<Tensor1D>(tf.sigmoid(logits), 0);
  const zeros = tf.mean<Tensor1D>(tf.sigmoid(tf.neg(logits)), 0);
  return entropy(tf.concat([ones, zeros])); // of [2 E]
}

/** Returns the entropy of the codes' mean probabilities, summed over groups of bits. */
function entropyOfGroups(logits: Tensor2D, groupSize: number): Scalar {
  const codeDim = logits.shape[1];
  const groups: Scalar[] = [];
  for (let first = 0; first < codeDim; first += groupSize) {
    const size = Math.min(groupSize, codeDim - first);
    const group = tf.slice(logits, [0, first], [-1, size]);
    const ones = binaryDigits(size, 'bitEntropyTerm').all(); // [2^size, size]
    // ln sigmoid(x) = -softplus(-x); the gradient of tf.logSigmoid fails inside of tf.tidy.
    const improbabilities = inFullPrecision(() =>
      tf.add(
        tf.matMul(tf.softplus(tf.neg(group)), ones, false, true),
        tf.matMul(tf.softplus(group), tf.sub<Tensor2D>(1, ones), false, true),
      ),
    ); // -ln of the probabilities, [rows, 2^size]
    groups.push(entropy(tf.mean<Tensor1D>(tf.exp(tf.neg(improbabilities)), 0)));
  }
  return tf.addN(groups);
}
