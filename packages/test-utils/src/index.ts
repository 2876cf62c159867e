// Registers the backend on which tests run and the gradients of all operations.
import '@tensorflow/tfjs';

export { compilingEngines, type CompilingEngine } from './compiling-engines.js';
export { expectGradientsMatchFiniteDifferences, type GradientCheckOptions } from './expect-gradients.js';
export { expectNoTensorLeak } from './expect-no-tensor-leak.js';
export { hasEngine } from './require-engine.js';
export { testImageSource, type ImageSourceContract } from './test-image-source.js';
export { testAdversarialLoss, type AdversarialLossContract } from './test-adversarial-loss.js';
export { testDecoder, type DecoderContract } from './test-decoder.js';
export { testDiscriminator, type DiscriminatorContract } from './test-discriminator.js';
export { testEncoder, type EncoderContract } from './test-encoder.js';
export { testImageClassifier, type ImageClassifierContract } from './test-image-classifier.js';
export { testOptions, type OptionsContract } from './test-options.js';
export { testOptimizer, type OptimizerContract, type TestedOptimizer } from './test-optimizer.js';
export { testQuantizer, type QuantizerContract } from './test-quantizer.js';
export { compareAll, type Comparable, type Comparison, type NestedNumbers, type Tolerance } from './to-be-all-close.js';
