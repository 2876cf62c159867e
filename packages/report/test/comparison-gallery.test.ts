import { ConfigError, ShapeError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { comparisonGallery } from '../src/index.js';

const shape = [3, 1, 2, 1] as const;
const images = (first: number): Float32Array => Float32Array.from({ length: 6 }, (_, index) => (first + index) / 255);
const columns = [
  { label: 'original', images: images(0) },
  { label: 'L2 alone', images: images(100) },
  { label: 'full loss', images: images(200) },
];

describe('comparisonGallery', () => {
  it('puts the same image of every column side by side', () => {
    const names = ['a', 'b', 'c'];
    const block = comparisonGallery(columns, { shape, examples: 2, names, caption: 'Look.', file: 'three.png' });
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
    const { items } = comparisonGallery(columns.slice(0, 2), { shape });
    expect(items).toHaveLength(3);
    expect(items[0]).not.toHaveProperty('caption');
  });

  it('refuses what does not fit', () => {
    const short = [...columns, { label: 'short', images: new Float32Array(5) }];
    expect(() => comparisonGallery(short, { shape })).toThrow(ShapeError);
    expect(() => comparisonGallery(short, { shape })).toThrow(
      'comparisonGallery: expected 6 values of "short", got 5 values.',
    );
    expect(() => comparisonGallery(columns.slice(0, 1), { shape })).toThrow(ConfigError);
    expect(() => comparisonGallery(columns, { shape, names: ['a'] })).toThrow('expected 3 names, got 1');
    expect(() => comparisonGallery(columns, { shape, examples: 0 })).toThrow('examples to be an integer of at least 1');
  });
});
