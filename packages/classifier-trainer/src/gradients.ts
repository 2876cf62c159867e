import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, checkOptions, type ImageClassifier, type OptionTable } from '@vitvq/core';
import { crossEntropy, smoothedCrossEntropy } from '@vitvq/losses';
import { gradientsWithValues, type LossGradients } from '@vitvq/training';

/** Options of {@link createClassifierGradients}. */
export interface ClassifierGradientOptions {
  readonly classifier: Pick<ImageClassifier, 'logits' | 'namedVariables'>;
  /** In [0, 1]; see `smoothedCrossEntropy` of @vitvq/losses. @default 0 */
  readonly labelSmoothing?: number;
}

const classifierGradientOptionNames: OptionTable<ClassifierGradientOptions> = {
  classifier: 'required',
  labelSmoothing: 'optional',
};

/**
 * Function of images `[B, H, W, C]` and int32 classes `[B]` to values and gradients; its caller
 * disposes of them.
 */
export type ClassifierGradients = (images: tf.Tensor4D, labels: tf.Tensor1D) => LossGradients;

/** Returns the variables of a classifier that a training moves, by dotted name. */
export function trainedVariables(classifier: Pick<ImageClassifier, 'namedVariables'>): Map<string, tf.Variable> {
  return new Map([...classifier.namedVariables()].filter(([, { trainable }]) => trainable));
}

/**
 * Creates loss and gradients of a classifier. Values: `crossEntropy` in nats and `top1`, the
 * fraction of the batch that is classified rightly, and what is minimised as `loss`: the
 * cross-entropy with label smoothing. Plain tensor code, which compiles.
 * @throws {ConfigError} for a smoothing out of range
 */
export function createClassifierGradients(options: ClassifierGradientOptions): ClassifierGradients {
  const where = 'createClassifierGradients';
  const { classifier, labelSmoothing = 0 } = checkOptions(options, classifierGradientOptionNames, where);
  assertInRange(labelSmoothing, 'labelSmoothing', where, 0, 1);
  const variables = trainedVariables(classifier);
  return (images, labels) =>
    gradientsWithValues(() => {
      const logits = classifier.logits(images);
      const loss = smoothedCrossEntropy(logits, labels, labelSmoothing);
      const values = { crossEntropy: crossEntropy(logits, labels), top1: fractionRight(logits, labels), loss };
      return { minimised: loss, values };
    }, variables);
}

/** Returns the fraction of images whose class has the highest logit. */
function fractionRight(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => tf.mean<tf.Scalar>(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32')));
}
