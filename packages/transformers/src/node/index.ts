export {
  type LoadedTransformer,
  loadTransformer,
  type LoadTransformerOptions,
  saveTransformer,
  type SaveTransformerOptions,
} from './model-folder.js';
export { readTextTokenizer } from './read-text-tokenizer.js';
