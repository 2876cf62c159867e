export {
  importTransformer,
  transformerOriginOf,
  type ImportedTransformer,
  type ImportTransformerOptions,
  type TransformerCheckpoint,
  type TransformerOrigin,
} from './import-transformer.js';
export {
  type LoadedTransformer,
  loadTransformer,
  type LoadTransformerOptions,
  type SavedConditioner,
  saveTransformer,
  type SaveTransformerOptions,
} from './model-folder.js';
export { MissingTransformerHintError, type TransformerHints } from '../internal/transformer-hints.js';
export { readTextTokenizer } from './read-text-tokenizer.js';
