import { ConfigError, ShapeError, type HostImages } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { comparisonGallery } from '../src/index.js';

const images = (first: number): HostImages => ({
  data: Float32Array.from({ length: 6 }, (_, index) => (first + index) / 255),
  shape: [3, 1, 2, 1],
});
const columns = [
  { label: 'original', images: images(0) },
  { label: 'L2 alone', images: images(100) },
  { label: 'full loss', images: images(200) },
];

describe('comparisonGallery', () => {
  it('puts the same image of every column side by side', () => {
    const names = ['a', 'b', 'c'];
    const block = comparisonGallery(columns, { shown: 2, names, caption: 'Look.', file: 'three.png' });
    expect(block).toMatchObject({
      kind: 'gallery',
      labels: ['original', 'L2 alone', 'full loss'],
      caption: 'Look.',
      file: 'three.png',
    });
    expect(block.items.map(({ caption }) => caption)).toEqual(['a', 'b']);
    expect(block.items.map((item) => item.images.map(({ data }) => data[0]))).toEqual([
      [0, 100, 200],
      [2, 102, 202],
    ]);
  });

  it('shows all images where there are few, and needs no names', () => {
    const { items } = comparisonGallery(columns.slice(0, 2));
    expect(items).toHaveLength(3);
    expect(items[0]).not.toHaveProperty('caption');
  });

  it('refuses what does not fit', () => {
    const short = [...columns, { label: 'short', images: { data: new Float32Array(4), shape: [2, 1, 2, 1] as const } }];
    expect(() => comparisonGallery(short)).toThrow(ShapeError);
    expect(() => comparisonGallery(short)).toThrow(
      'comparisonGallery: expected images [3, 1, 2, 1] in column "short", got [2, 1, 2, 1].',
    );
    expect(() => comparisonGallery(columns.slice(0, 1))).toThrow(ConfigError);
    expect(() => comparisonGallery(columns, { names: ['a'] })).toThrow('expected 3 names, got 1');
    expect(() => comparisonGallery(columns, { shown: 0 })).toThrow('shown to be an integer of at least 1');
  });
});
