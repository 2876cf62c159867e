import { createTokenizer } from '@vitvq/tokenizer';

const size = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 };
/** A config of a tokenizer that takes no time. */
export const config = {
  architecture: 'vit',
  imageSize: 8,
  patchSize: 4,
  encoder: size,
  decoder: size,
  quantizer: { kind: 'vector', codebookSize: 16, codeDim: 4 },
};
/** The tokenizer of the other programs here. */
export const tokenizer = createTokenizer(config, { seed: 0 });
