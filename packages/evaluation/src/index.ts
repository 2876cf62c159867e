export {
  bootstrapInterval,
  jackknifeInterval,
  splitsInterval,
  subsetsInterval,
  type BootstrapOptions,
  type ConfidenceInterval,
  type IntervalMethod,
} from './confidence-interval.js';
export { readCard, writeCard } from './cards/card-file.js';
export {
  compareCards,
  type CardComparison,
  type CardCondition,
  type CompareCardsOptions,
} from './cards/compare-cards.js';
export { type Circumstances } from './cards/create-card.js';
export { formatCards } from './cards/format-cards.js';
export { metricCardSchema, nameOfFigure, type MetricCard, type MetricName } from './cards/metric-card.js';
export { codebookReports } from './codebook-reports.js';
export { blockiness } from './blockiness.js';
export { detailRatio } from './detail-ratio.js';
export { ProxyClassifier, type ProxyFacts } from './proxy/proxy-classifier.js';
export { loadProxyClassifier, saveProxyClassifier } from './proxy/proxy-file.js';
export { type ProxyNetwork, type ProxyNetworkConfig } from './proxy/proxy-network.js';
export {
  trainProxyClassifier,
  type ProxyClassifierOptions,
  type ProxyProgress,
} from './proxy/train-proxy-classifier.js';
export { psnr } from './psnr.js';
export { reconstructionMetrics, type ReconstructionMetrics } from './reconstruction-metrics.js';
export { createEvaluationStep, type EvaluationStepResult } from './evaluation-step.js';
export { type CodebookUse, type Evaluation, Evaluator, type EvaluatorOptions } from './evaluator.js';
export { evaluateCaptions, type EvaluateCaptionsOptions, type TextImageExtractor } from './evaluate-captions.js';
export { evaluateImages, type EvaluateImagesOptions, type EvaluationProgress } from './evaluate-images.js';
export {
  evaluateReconstructions,
  type EvaluateReconstructionsOptions,
  type NamedPerceptualLoss,
} from './evaluate-reconstructions.js';
export type { ExtractedFeatures, FeatureExtractor } from './feature-extractor.js';
export {
  featureMetricKinds,
  featureMetricSchema,
  type FeatureMetricConfig,
  type FeatureMetricName,
} from './feature-metrics/kinds.js';
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
export { type OpenBatches } from './internal/read-batches.js';
export { msSSIM, smallestSideOfMsSSIM, type MsSSIMOptions } from './images/ms-ssim.js';
export { ssim, type SSIMOptions } from './images/ssim.js';
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
export { extractorVectors } from './vectors/extractor-vectors.js';
export { type ImageTextVectors } from './vectors/image-text-vectors.js';
export { type TextEncoder } from './vectors/marked-tokens.js';
export { openOnnxVectors, type OnnxVectorsOptions } from './vectors/onnx-vectors.js';
export { writeNpz, type ByteImages, type WriteNpzOptions } from './write-npz.js';
export { weightsHash } from './weights-hash.js';
