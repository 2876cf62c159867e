export { createClassifier } from './create-classifier.js';
export { ViTClassifier } from './vit-classifier.js';
export {
  classifierConfigSchema,
  classifierSizeSchema,
  poolNames,
  type Pool,
  type ResolvedClassifierConfig,
  type ViTClassifierConfig,
  type ViTClassifierSize,
} from './vit-classifier-config.js';
