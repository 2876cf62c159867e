export {
  bootstrapInterval,
  jackknifeInterval,
  splitsInterval,
  subsetsInterval,
  type BootstrapOptions,
  type ConfidenceInterval,
  type IntervalMethod,
} from './confidence-interval.js';
export { codebookReports } from './codebook-reports.js';
export { detailRatio } from './detail-ratio.js';
export { psnr } from './psnr.js';
export { reconstructionMetrics, type ReconstructionMetrics } from './reconstruction-metrics.js';
export { createEvaluationStep, type EvaluationStepResult } from './evaluation-step.js';
export { type CodebookUse, type Evaluation, Evaluator, type EvaluatorOptions } from './evaluator.js';
export type { ExtractedFeatures, FeatureExtractor } from './feature-extractor.js';
export { clipScore, type ClipScore, type ClipScoreOptions } from './features/clip-score.js';
export {
  combineStatistics,
  FeatureMoments,
  featureStatistics,
  type FeatureStatistics,
} from './features/feature-moments.js';
export { type FeatureRows } from './features/feature-rows.js';
export { frechetDistance } from './features/frechet-distance.js';
export { inceptionScore, type InceptionScore, type InceptionScoreOptions } from './features/inception-score.js';
export {
  kernelDistance,
  squaredDiscrepancy,
  type KernelDistance,
  type KernelDistanceOptions,
  type PolynomialKernel,
} from './features/kernel-distance.js';
export { manifoldMetrics, type ManifoldMetrics, type ManifoldOptions } from './features/manifold-metrics.js';
export { msSSIM, smallestSideOfMsSSIM, type MsSSIMOptions } from './images/ms-ssim.js';
export { ssim, type SSIMOptions } from './images/ssim.js';
export { loadLPIPS, type LPIPSDownload, type LPIPSWeightSource } from './load-lpips.js';
