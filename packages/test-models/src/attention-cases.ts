import type { AttentionConfig } from '@vitvq/layers';

/**
 * A config of each kind of attention, for transformers of two blocks and grids whose sides are even
 * and whose number of tokens is a multiple of 8 from 16 on; the type asks for the line of a new
 * kind.
 */
export const attentionCases: {
  readonly [Kind in AttentionConfig['kind']]: Extract<AttentionConfig, { readonly kind: Kind }>;
} = {
  full: { kind: 'full' },
  windowed: { kind: 'windowed', window: 2 },
  axial: { kind: 'axial' },
  strided: { kind: 'strided', stride: 4 },
  linformer: { kind: 'linformer', rank: 5 },
  performer: { kind: 'performer', features: 12 },
  blockwise: { kind: 'blockwise', blockSize: 7 },
};
