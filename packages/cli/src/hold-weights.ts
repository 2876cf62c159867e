/**
 * Starts TensorFlow.js for a command that reads and writes weights and computes nothing with them:
 * its cpu backend is enough.
 */
export async function holdWeights(): Promise<void> {
  const tf = await import('@tensorflow/tfjs');
  // The backend prints an advertisement at its first use; this flag prevents it.
  Object.assign(tf.findBackend('cpu'), { firstUse: false });
  await tf.setBackend('cpu');
}
