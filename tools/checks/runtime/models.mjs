/** Trains a small tokenizer for a few steps on a backend of TensorFlow.js. */
import * as tf from '@tensorflow/tfjs';
import { l2Loss } from '@vitvq/losses';
import { AdamW, applyGradients, decayGroups, namedGradients } from '@vitvq/optim';
import { tokenizer } from './tokenizer.mjs';

await tf.setBackend('cpu');
const images = tf.ones([2, 8, 8, 3]);
const variables = tokenizer.namedVariables();
const optimizer = new AdamW(decayGroups(variables, 1e-4));
const losses = Array.from({ length: 5 }, () => {
  const { value, gradients } = namedGradients(() => {
    const { reconstruction, quantizerLoss } = tokenizer.forward(images, { training: true });
    return tf.add(l2Loss(reconstruction, images), quantizerLoss);
  }, variables);
  applyGradients({ optimizer }, gradients, tf.scalar(1e-2));
  return value.dataSync()[0];
});
if (!(losses[4] < losses[0])) throw new Error(`losses ${losses.join(', ')}`);
