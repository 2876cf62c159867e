export { ExportError } from './errors.js';
export {
  exportTokenizer,
  type ExportableTokenizer,
  type ExportOptions,
  type ExportResult,
} from './export-tokenizer.js';
export { exportTransformer } from './export-transformer.js';
export { type TokenizerCheck } from './internal/check-tokenizer.js';
export { type TransformerCheck } from './internal/check-transformer.js';
export { type RuntimeName } from './internal/runtimes.js';
export {
  type ConditionMeaning,
  type ExportedCondition,
  type ExportedConditionNumbers,
  type ExportedConditionTokens,
  type ExportedGraph,
  type ExportedImage,
  type ExportedPort,
  type ExportedTokenizer,
  type ExportedTransformer,
  type ExportManifest,
  type MeasuredTokenizer,
  type MeasuredTransformer,
  type OriginalBy,
} from './manifest.js';
export { readExport } from './read-export.js';
export { describeCheck, verifyExport, type ExportReport, type Originals, type VerifyOptions } from './verify-export.js';
