export { type ImportedTokenizer, type ImportOptions, importTokenizer } from './import-tokenizer.js';
export { loadTokenizer, saveTokenizer, type TokenizerConfig } from './tokenizer-folder.js';
