export { codebookReports } from './codebook-reports.js';
export { detailRatio } from './detail-ratio.js';
export { psnr } from './psnr.js';
export { reconstructionMetrics, type ReconstructionMetrics } from './reconstruction-metrics.js';
export { createEvaluationStep, type EvaluationStepResult } from './evaluation-step.js';
export { type CodebookUse, type Evaluation, Evaluator, type EvaluatorOptions } from './evaluator.js';
export { loadLPIPS, type LPIPSDownload, type LPIPSWeightSource } from './load-lpips.js';
export {
  type ClipConfig,
  type ClipKind,
  ClipViT,
  DINOv2,
  type DINOv2Config,
  ExtractorNetwork,
  type FeatureExtractorConfig,
  type FeatureExtractorKind,
  featureExtractorKinds,
  type FeatureExtractorOf,
  importFeatureExtractor,
  InceptionV3,
  loadFeatureExtractor,
  type NetworkFeatures,
  type ResizeRule,
  saveFeatureExtractor,
  type SaveFeatureExtractorOptions,
  type VGG16Config,
  VGG16LPIPS,
} from './extractors/index.js';
