export { ClipViT, type ClipConfig, type ClipKind } from './clip-vit.js';
export { DINOv2, type DINOv2Config } from './dinov2.js';
export { loadFeatureExtractor, saveFeatureExtractor, type SaveFeatureExtractorOptions } from './extractor-folder.js';
export { ExtractorNetwork } from './extractor-network.js';
export { importFeatureExtractor } from './import-feature-extractor.js';
export { InceptionV3 } from './inception-v3.js';
export {
  featureExtractorKinds,
  type FeatureExtractorConfig,
  type FeatureExtractorKind,
  type FeatureExtractorOf,
} from './kinds.js';
export type { NetworkFeatures, ResizeRule } from './network-features.js';
export { VGG16LPIPS, type VGG16Config } from './vgg16-lpips.js';
