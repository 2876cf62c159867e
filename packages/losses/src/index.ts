export { adaptiveWeight, type AdaptiveWeightOptions } from './adaptive-weight.js';
export {
  adversarialLossKinds,
  adversarialLossSchema,
  createAdversarialLoss,
  type AdversarialLossConfig,
} from './adversarial-loss-kinds.js';
export {
  hingeAdversarialLoss,
  leastSquaresAdversarialLoss,
  nonSaturatingAdversarialLoss,
  vanillaAdversarialLoss,
} from './adversarial.js';
export { binaryCrossEntropyLoss } from './binary-cross-entropy.js';
export { crossEntropy } from './cross-entropy.js';
export { leCamPenalty, nextLeCamAnchor, type LeCamAnchorOptions, type LeCamAnchors } from './lecam.js';
export {
  logitLaplaceImage,
  logitLaplaceLoss,
  logitLaplaceMap,
  logitLaplaceUnmap,
  type LogitLaplaceOptions,
  type LogitLaplaceParameters,
} from './logit-laplace.js';
export {
  LPIPS,
  LPIPS_SCALING,
  lpipsReferenceWeights,
  VGG16_CHANNELS,
  type LPIPSOptions,
  type VGG16Channels,
} from './lpips.js';
export {
  createPerceptualLoss,
  perceptualLossKinds,
  perceptualLossSchema,
  type PerceptualLossConfig,
} from './perceptual-loss-kinds.js';
export { imageGradientLoss, l1Loss, l2Loss } from './pixel.js';
export { r1Penalty } from './r1-penalty.js';
export {
  createReconstructionLoss,
  reconstructionLossKinds,
  reconstructionLossSchema,
  type PredictedImages,
  type ReconstructionLoss,
  type ReconstructionLossConfig,
} from './reconstruction-loss-kinds.js';
export { smoothedCrossEntropy } from './smoothed-cross-entropy.js';
