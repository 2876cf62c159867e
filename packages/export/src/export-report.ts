import type { MeasuredTokenizer, MeasuredTransformer } from './manifest.js';

/** Differences between the files of a tokenizer and the tokenizer, in one runtime. */
export interface TokenizerCheck extends MeasuredTokenizer {
  readonly part: 'tokenizer';
  readonly passed: boolean;
}

/** Differences between sampling with the files of a transformer and the model, in one runtime. */
export interface TransformerCheck extends MeasuredTransformer {
  readonly part: 'transformer';
  readonly passed: boolean;
}

/** Result of running an exported folder against its originals. */
export interface ExportReport {
  /** Whether every check passed. */
  readonly passed: boolean;
  readonly checks: readonly (TokenizerCheck | TransformerCheck)[];
}
