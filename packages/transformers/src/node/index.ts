export {
  type LoadedTransformer,
  loadTransformer,
  type LoadTransformerOptions,
  saveTransformer,
  type SaveTransformerOptions,
} from './model-folder.js';
