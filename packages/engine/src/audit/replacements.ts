/** What to write in place of operations that people miss most, by kernel of TensorFlow.js. */
const replacements: Readonly<Record<string, string>> = {
  AvgPool: 'Reshape to windows that do not overlap and take tf.mean over them.',
  Cumprod: 'For positive numbers, take tf.exp of tf.cumsum of tf.log.',
  DepthwiseConv2dNative: 'Write it as tf.conv2d with a kernel that is 0 between different channels.',
  Elu: 'Write it with tf.where and tf.exp, which have gradients of any order.',
  GatherNd: 'Turn the indices into one number a row and use tf.gather on a reshaped tensor.',
  MaxPool: 'Reshape to windows that do not overlap and take tf.max over them.',
  Multinomial: 'Draw with a tensor of uniform noise and tf.cumsum, as drawTokens of @vitvq/sampling does.',
  Prod: 'For positive numbers, take tf.exp of tf.sum of tf.log.',
  ResizeBilinear: 'Resize images on the host (@vitvq/data), or multiply rows and columns with tf.matMul.',
  ResizeNearestNeighbor: 'Repeat pixels with tf.reshape and tf.tile.',
  ScatterNd: 'Turn the indices into one number a row and use tf.unsortedSegmentSum.',
};

/** Returns what to do about an operation that lacks a kernel or a gradient. */
export function replacementFor(kernel: string, isGradient: boolean): string {
  const known = Object.hasOwn(replacements, kernel) ? replacements[kernel] : undefined;
  if (known) return known;
  return isGradient
    ? 'Write it with operations that have one, or give it a gradient with tf.customGrad.'
    : 'Write it with other operations, or run the function on the engine "cpu".';
}
