import { describe, expect, it } from 'vitest';
import { ConfigError, imageGrid, ShapeError, type RgbImage } from '../src/index.js';

const filled = (width: number, height: number, value: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(value),
});

/** Red of each pixel, row by row. */
const rowsOf = ({ width, height, data }: RgbImage): number[][] =>
  Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => data[(y * width + x) * 3]!));

describe('imageGrid', () => {
  it('copies every pixel', () => {
    const image = { width: 2, height: 2, data: Uint8Array.from({ length: 12 }, (_, index) => index) };
    expect(imageGrid([image])).toEqual(image);
    const { data } = imageGrid([image, image], { columns: 2 });
    expect([...data]).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 6, 7, 8, 9, 10, 11]);
  });

  it('puts images side by side, row by row, and leaves white what is empty', () => {
    const images = [1, 2, 3].map((value) => filled(1, 1, value));
    expect(rowsOf(imageGrid(images, { columns: 3 }))).toEqual([[1, 2, 3]]);
    expect(rowsOf(imageGrid(images))).toEqual([
      [1, 2],
      [3, 255],
    ]);
    expect(rowsOf(imageGrid(images, { columns: 5 }))).toEqual([[1, 2, 3]]);
  });

  it('leaves room between images and around them', () => {
    const grid = imageGrid(
      [1, 2].map((value) => filled(1, 1, value)),
      { columns: 1, rowGap: 2, margin: { top: 1, right: 2, bottom: 0, left: 0 } },
    );
    expect(rowsOf(grid)).toEqual([
      [255, 255, 255],
      [1, 255, 255],
      [255, 255, 255],
      [255, 255, 255],
      [2, 255, 255],
    ]);
    const row = imageGrid([filled(1, 1, 1), filled(1, 1, 2)], { columns: 2, columnGap: 1, margin: 1 });
    expect(rowsOf(row)[1]).toEqual([255, 1, 255, 2, 255]);
    expect([row.width, row.height]).toEqual([5, 3]);
  });

  it('gives every image a cell as large as the largest', () => {
    expect(rowsOf(imageGrid([filled(1, 2, 1), filled(2, 1, 2)], { columns: 2 }))).toEqual([
      [1, 255, 2, 2],
      [1, 255, 255, 255],
    ]);
  });

  it('refuses what it cannot draw', () => {
    const image = filled(1, 1, 0);
    expect(() => imageGrid([])).toThrow(ConfigError);
    expect(() => imageGrid([])).toThrow('imageGrid: expected at least one image, got none.');
    expect(() => imageGrid([{ ...image, width: 2 }])).toThrow(ShapeError);
    expect(() => imageGrid([image], { columns: 0 })).toThrow('columns to be an integer of at least 1');
    expect(() => imageGrid([image], { rowGap: 0.5 })).toThrow('rowGap to be an integer of at least 0');
    expect(() => imageGrid([image], { margin: -1 })).toThrow('top to be an integer of at least 0');
  });
});
