export { loadFeatureExtractor, saveFeatureExtractor, type SaveFeatureExtractorOptions } from './extractor-folder.js';
export { ExtractorNetwork } from './extractor-network.js';
export type { ExtractedFeatures, FeatureExtractor, ResizeRule } from './feature-extractor.js';
export { importFeatureExtractor } from './import-feature-extractor.js';
export { InceptionV3 } from './inception-v3.js';
export {
  featureExtractorKinds,
  type FeatureExtractorConfig,
  type FeatureExtractorKind,
  type FeatureExtractorOf,
} from './kinds.js';
