export { describeCheck } from './describe-check.js';
export { ExportError } from './errors.js';
export { type ExportOptions, type ExportResult, type TransformerExportOptions } from './export-options.js';
export { type ExportReport, type TokenizerCheck, type TransformerCheck } from './export-report.js';
export { exportTokenizer } from './export-tokenizer.js';
export { exportTransformer } from './export-transformer.js';
export { type ExportableTokenizer } from './exportable-tokenizer.js';
export {
  type ConditionMeaning,
  type ExportedAnyOrderTransformer,
  type ExportedCache,
  type ExportedCondition,
  type ExportedConditionNumbers,
  type ExportedConditionTokens,
  type ExportedGraph,
  type ExportedImage,
  type ExportedMaskedTransformer,
  type ExportedPort,
  type ExportedRasterTransformer,
  type ExportedTokenizer,
  type ExportedTransformer,
  type ExportManifest,
  type MeasuredTokenizer,
  type MeasuredTransformer,
  type OriginalBy,
} from './manifest.js';
export { readExport } from './read-export.js';
export { type RuntimeName } from './runtime-name.js';
export { verifyExport, type Originals, type VerifyOptions } from './verify-export.js';
