export { CodeConditioner, type CodeConditionerOptions } from './code-conditioner.js';
export { FeatureConditioner, type FeatureConditionerOptions } from './feature-conditioner.js';
export { type CodeBatchOptions, type CodeBatchStream, CodeSource } from './code-source.js';
export {
  encodeAsWorker,
  type EncodeAsWorkerOptions,
  type WorkerProgress,
  type WorkerResult,
  type WorkerShare,
} from './encode-as-worker.js';
export { type EncodeProgress, encodeToShards, type EncodeToShardsOptions } from './encode-to-shards.js';
export { openCodes } from './open-codes.js';
export { type RepeatedImages } from './repeated-images.js';
export { type DamagedShard, verifyCodes, type VerifiedCodes, type VerifyCodesOptions } from './verify-codes.js';
