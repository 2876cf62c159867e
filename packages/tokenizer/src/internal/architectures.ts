import type { TokenizerConfig } from '../tokenizer-config.js';
import type { Architecture, ImportedArchitecture } from './architecture.js';
import { cnnArchitecture } from './cnn-architecture.js';
import { vit1DArchitecture } from './vit-1d-architecture.js';
import { vitArchitecture } from './vit-architecture.js';

/** Architectures whose weights PyTorch checkpoints hold too. */
export const importedArchitectures: Readonly<Record<'vit' | 'cnn', ImportedArchitecture>> = {
  vit: vitArchitecture,
  cnn: cnnArchitecture,
};

/** Architectures by the `architecture` of their configs. */
export const architectures: Readonly<Record<TokenizerConfig['architecture'], Architecture>> = {
  ...importedArchitectures,
  'vit-1d': vit1DArchitecture,
};
