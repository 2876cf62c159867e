import type { TokenizerConfig } from '../tokenizer-config.js';
import type { Architecture } from './architecture.js';
import { cnnArchitecture } from './cnn-architecture.js';
import { vitArchitecture } from './vit-architecture.js';

/** Architectures by the `architecture` of their configs. */
export const architectures: Readonly<Record<TokenizerConfig['architecture'], Architecture>> = {
  vit: vitArchitecture,
  cnn: cnnArchitecture,
};
