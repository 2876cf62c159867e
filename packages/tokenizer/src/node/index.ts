export { type ImportedTokenizer, type ImportOptions, importTokenizer } from './import-tokenizer.js';
export { loadTokenizer, saveTokenizer, type SaveTokenizerOptions, type TokenizerKinds } from './tokenizer-folder.js';
