export { CodeConditioner, type CodeConditionerOptions } from './code-conditioner.js';
export { FeatureConditioner, type FeatureConditionerOptions } from './feature-conditioner.js';
export { type CodeBatchOptions, type CodeBatchStream, CodeSource } from './code-source.js';
export { type EncodeProgress, encodeToShards, type EncodeToShardsOptions } from './encode-to-shards.js';
export { openCodes } from './open-codes.js';
export { type RepeatedImages } from './repeated-images.js';
