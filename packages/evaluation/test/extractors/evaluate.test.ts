import { useEngine } from '@vitvq/engine';
import type { ImageBatch } from '@vitvq/core';
import { beforeAll, expect, it } from 'vitest';
import { compareCards, evaluateImages, importFeatureExtractor } from '../../src/index.js';
import { fileOf, imageBytes } from './formula.js';
import { openaiClip } from './shapes.js';

beforeAll(() => useEngine({ name: 'cpu' }));

function imagesOf(name: string, count: number): ImageBatch {
  return {
    shape: [count, 24, 24, 3],
    images: Float32Array.from(imageBytes(name, count, 24, 24), (byte) => byte / 255),
  };
}

it('an imported network measures images, and its hash and resize are on the cards', async () => {
  const kinds = ['clip-vit', 'open-clip-vit'] as const;
  const cards = await Promise.all(
    kinds.map(async (kind) => {
      const extractor = await importFeatureExtractor(kind, fileOf(openaiClip));
      const open = (name: string) => () => [imagesOf(name, 4)].values();
      const metrics = ['kernel-distance'] as const;
      const made = await evaluateImages({ real: open('real'), generated: open('made'), extractor, metrics, seed: 1 });
      const { name, hash, resize } = extractor;
      expect(made[0]!.extractor).toMatchObject({ name, hash, resize: JSON.stringify(resize) });
      extractor.dispose();
      return made[0]!;
    }),
  );
  expect(() => compareCards(cards[0]!, cards[1]!)).toThrow(/extractor/);
});
