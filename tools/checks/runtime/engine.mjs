/** Compiles a function and runs it by ONNX Runtime in a worker thread. */
import * as tf from '@tensorflow/tfjs';
import { compile, useEngine } from '@vitvq/engine';

const engine = await useEngine({ name: 'onnx' });
if (engine.name !== 'onnx') throw new Error(`the engine is ${engine.name}`);
const slope = tf.variable(tf.scalar(0));
const step = compile((x, y) => {
  const { value, grads } = tf.variableGrads(() => tf.mean(tf.square(tf.sub(tf.mul(x, slope), y))), [slope]);
  slope.assign(tf.sub(slope, tf.mul(grads[slope.name], 0.1)));
  return value;
});
const x = tf.tensor1d([1, 2, 3]);
for (let index = 0; index < 20; index++) await step(x, tf.mul(x, 3));
const [found] = await slope.data();
if (Math.abs(found - 3) > 1e-3) throw new Error(`the slope is ${found}`);
