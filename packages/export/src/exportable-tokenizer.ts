import type { VQTokenizer } from '@vitvq/tokenizer';

/** Members of a tokenizer that an export takes; a `VQTokenizer` has them. */
export type ExportableTokenizer = Pick<
  VQTokenizer,
  'grid' | 'vocabSize' | 'codeDepth' | 'encode' | 'decode' | 'namedVariables'
>;
