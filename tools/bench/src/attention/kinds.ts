import type { AttentionConfig } from '@vitvq/layers';

/**
 * Returns a config of each kind for a square grid of `side` x `side` tokens. What a kind lets grow
 * with the tokens is as in its paper; all else stays the same from grid to grid.
 */
export function attentionOf(side: number): Record<AttentionConfig['kind'], AttentionConfig> {
  const tokens = side * side;
  return {
    full: { kind: 'full' },
    windowed: { kind: 'windowed', window: side < 16 ? side / 2 : 8 },
    axial: { kind: 'axial' },
    strided: { kind: 'strided', stride: side },
    linformer: { kind: 'linformer', rank: Math.min(64, tokens / 4) },
    performer: { kind: 'performer', features: 64 },
    blockwise: { kind: 'blockwise', blockSize: Math.min(256, tokens / 2) },
  };
}

/** Names of the kinds, in the order of the tables. */
export const kindNames = Object.keys(attentionOf(16)) as readonly AttentionConfig['kind'][];
