/** Gradients that TensorFlow.js 4.22 lacks or gets wrong, and that we need. */
import '@tensorflow/tfjs'; // registers the gradients that it has
import * as tf from '@tensorflow/tfjs-core';

type Gradient = (dy: tf.Tensor, saved: tf.Tensor[], attributes: tf.NamedAttrMap) => Record<string, () => tf.Tensor>;

function register(kernelName: string, inputsToSave: string[], gradFunc: Gradient): void {
  if (tf.getGradient(kernelName)) tf.unregisterGradient(kernelName);
  tf.registerGradient({
    kernelName,
    inputsToSave,
    gradFunc: (dy, saved, attributes) => gradFunc(Array.isArray(dy) ? dy[0]! : dy, saved, attributes),
  });
}

const float = (x: tf.Tensor): tf.Tensor => tf.zeros(x.shape, 'float32');

/** Sums a gradient over the axes along which its tensor was broadcast. */
function unbroadcast(gradient: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes([...shape], gradient.shape);
  return tf.reshape(axes.length ? tf.sum(gradient, axes) : gradient, [...shape]);
}

let registered = false;

/** Registers the missing gradients, once. */
export function registerGradients(): void {
  if (registered) return;
  registered = true;

  // Comparisons are piecewise constant; a second order gradient passes through them (LeakyRelu, Select).
  for (const kernelName of ['Greater', 'GreaterEqual', 'Less', 'LessEqual', 'Equal', 'NotEqual']) {
    register(kernelName, ['a', 'b'], (_, [a, b]) => ({ a: () => float(a!), b: () => float(b!) }));
  }
  register('LogicalNot', ['x'], (_, [x]) => ({ x: () => float(x!) }));

  // As in TensorFlow.js, and sums over axes along which an operand was repeated.
  register('BatchMatMul', ['a', 'b'], (dy, [a, b], attributes) => {
    const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
    const x = a!;
    const y = b!;
    return {
      a: () =>
        unbroadcast(transposeA ? tf.matMul(y, dy, transposeB, true) : tf.matMul(dy, y, false, !transposeB), x.shape),
      b: () =>
        unbroadcast(transposeB ? tf.matMul(dy, x, true, transposeA) : tf.matMul(x, dy, !transposeA, false), y.shape),
    };
  });

  // TensorFlow.js forgets the axes along which an operand was repeated.
  register('SquaredDifference', ['a', 'b'], (dy, [a, b]) => {
    const toward = (shape: readonly number[], sign: number): tf.Tensor =>
      unbroadcast(tf.mul(dy, tf.mul(tf.sub(a!, b!), 2 * sign)), shape);
    return { a: () => toward(a!.shape, 1), b: () => toward(b!.shape, -1) };
  });

  // TensorFlow.js transposes the gradient of any axis but the first.
  register('Cumsum', ['x'], (dy, _, attributes) => {
    const { axis, exclusive, reverse } = attributes as { axis: number; exclusive: boolean; reverse: boolean };
    return { x: () => tf.cumsum(dy, axis, exclusive, !reverse) };
  });

  tf.registerGradient({
    kernelName: 'Einsum',
    saveAllInputs: true,
    gradFunc: (dy, saved, attributes) => {
      const [left, output] = (attributes as { equation: string }).equation.replace(/\s/g, '').split('->') as [
        string,
        string,
      ];
      const labels = left.split(',');
      const gradient = Array.isArray(dy) ? dy[0]! : dy;
      return Object.fromEntries(
        saved.map((operand, index) => [
          String(index),
          () => {
            const others = labels.flatMap((label, other) => (other === index ? [] : [label]));
            const tensors = saved.filter((_, other) => other !== index);
            const known = [...new Set([output, ...others].join(''))];
            // Labels that only this operand has were summed: their gradient is repeated.
            const kept = [...labels[index]!].filter((label) => known.includes(label));
            const partial = tf.einsum(`${[output, ...others].join(',')}->${kept.join('')}`, gradient, ...tensors);
            const shape = operand.shape.map((size, axis) => (kept.includes(labels[index]![axis]!) ? size : 1));
            return tf.mul(tf.reshape(partial, shape), tf.ones(operand.shape));
          },
        ]),
      );
    },
  });

  // Each gradient goes back to the place that its value came from. The indices have none.
  tf.registerGradient({
    kernelName: 'TopK',
    inputsToSave: ['x'],
    outputsToSave: [false, true],
    gradFunc: (dys, [x, indices]) => {
      const dy = (dys as unknown as tf.Tensor[])[0]!;
      return {
        x: () => {
          const places = tf.oneHot(tf.cast(indices!, 'int32'), x!.shape.at(-1)!, 1, 0, 'float32'); // [..., k, n]
          return tf.sum(tf.mul(places, tf.expandDims(dy, -1)), -2);
        },
      };
    },
  });

  // The kernel gradient is linear in the image and in the output gradient: its own gradients are convolutions again.
  register('Conv2DBackpropFilter', ['x', 'dy'], (ddFilter, [x, dy], attributes) => {
    const { strides, pad, dataFormat } = attributes as {
      strides: [number, number];
      pad: 'same' | 'valid' | number;
      dataFormat: 'NHWC';
    };
    const filter = ddFilter as tf.Tensor4D;
    const image = x as tf.Tensor4D;
    return {
      x: () => tf.conv2dTranspose(dy as tf.Tensor4D, filter, image.shape, strides, pad),
      dy: () => tf.conv2d(image, filter, strides, pad, dataFormat),
    };
  });
}
