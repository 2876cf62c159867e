import { join } from 'node:path';
import { ConfigError, DataError, ShapeError, type HostImages, type RgbImage } from '@vitvq/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { comparisonGrid, encodePng, tokenMap, writePng } from '../src/index.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = await temporaryFolder();
const pixel = ({ width, data }: RgbImage, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];
const white = [255, 255, 255];

describe('PNG', () => {
  const image = { width: 2, height: 1, data: Uint8Array.of(255, 0, 10, 1, 2, 3) };

  it('is written without loss', async () => {
    const file = join(folder, 'two.png');
    await writePng(file, image);
    const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([2, 1, 3]);
    expect([...data]).toEqual([...image.data]);
  });

  it('refuses values that do not fill it, and folders that do not exist', async () => {
    expect(() => encodePng({ ...image, height: 2 })).toThrow(ShapeError);
    expect(() => encodePng({ ...image, height: 2 })).toThrow('encodePng: expected height x width x 3 values');
    const missing = join(folder, 'missing', 'x.png');
    await expect(writePng(missing, image)).rejects.toThrow(DataError);
    await expect(writePng(missing, image)).rejects.toThrow(
      `${missing}: expected to write the file, got no such file or directory`,
    );
  });
});

describe('comparisonGrid', () => {
  const batch = (first: number): HostImages => ({
    data: Float32Array.from({ length: 12 }, (_, index) => (first + index) / 255),
    shape: [3, 2, 2, 1],
  });
  const [dark, bright] = [batch(0), batch(100)];

  it('enlarges each pixel to a square', async () => {
    const grid = await comparisonGrid([dark], { columns: 3, scale: 10 });
    expect([grid.width, grid.height]).toEqual([16 + 3 * (20 + 16), 16 + 20 + 16]);
    expect(pixel(grid, 15, 16)).toEqual(white);
    for (const [x, y, value] of [
      [16, 16, 0],
      [25, 25, 0],
      [26, 25, 1],
      [25, 26, 2],
      [35, 35, 3],
    ] as const) {
      expect(pixel(grid, x, y), `${x},${y}`).toEqual([value, value, value]);
    }
    expect(pixel(grid, 16 + 36, 16)).toEqual([4, 4, 4]);
    expect(pixel(grid, 36, 20)).toEqual(white);
  });

  it('puts what belongs together close together, and the next pair further away', async () => {
    const grid = await comparisonGrid([dark, bright], { columns: 2, scale: 10 });
    const pairWidth = 20 + 3 + 20;
    expect([grid.width, grid.height]).toEqual([16 + 2 * (pairWidth + 16), 16 + 2 * (20 + 16)]);
    expect(pixel(grid, 16, 16)).toEqual([0, 0, 0]);
    expect(pixel(grid, 36, 16)).toEqual(white);
    expect(pixel(grid, 39, 16)).toEqual([100, 100, 100]);
    expect(pixel(grid, 16 + pairWidth + 16, 16)).toEqual([4, 4, 4]);
    // the third pair starts the second row
    expect(pixel(grid, 39, 16 + 36)).toEqual([108, 108, 108]);
  });

  it('makes small images visible by default and leaves room for captions', async () => {
    const grid = await comparisonGrid([dark]);
    expect([grid.width, grid.height]).toEqual([16 + 3 * (96 + 16), 96 + 32]);
    const captioned = await comparisonGrid([dark], { captions: ['cat', '<dog> & "co"', ''] });
    expect([captioned.width, captioned.height]).toEqual([grid.width, grid.height + 22]);
    expect(pixel(captioned, 16, 16)).toEqual([0, 0, 0]);
  });

  it('names the batches above the first row', async () => {
    const plain = await comparisonGrid([dark, bright], { columns: 2 });
    const labelled = await comparisonGrid([dark, bright], { columns: 2, labels: ['before', '<after>'] });
    expect([labelled.width, labelled.height]).toEqual([plain.width, plain.height + 20]);
    expect(pixel(labelled, 16, 36)).toEqual(pixel(plain, 16, 16));
    // the second row moves as much
    expect(pixel(labelled, 16 + 99, 36 + 112)).toEqual(pixel(plain, 16 + 99, 16 + 112));
    await expect(comparisonGrid([dark, bright], { labels: ['one'] })).rejects.toThrow(
      'comparisonGrid: expected 2 labels, got 1.',
    );
  });

  it('refuses what does not fit', async () => {
    const two: HostImages = { data: dark.data.subarray(0, 8), shape: [2, 2, 2, 1] };
    await expect(comparisonGrid([dark, two])).rejects.toThrow(ShapeError);
    await expect(comparisonGrid([dark, two])).rejects.toThrow(
      'comparisonGrid: expected batches of shape [3, 2, 2, 1], got [2, 2, 2, 1].',
    );
    await expect(comparisonGrid([dark], { captions: ['one'] })).rejects.toThrow(
      'comparisonGrid: expected 3 captions, got 1.',
    );
    await expect(comparisonGrid([dark], { columns: 0 })).rejects.toThrow('columns to be an integer of at least 1');
    await expect(comparisonGrid([dark], { scale: 1.5 })).rejects.toThrow('scale to be an integer of at least 1');
    await expect(comparisonGrid([])).rejects.toThrow(ConfigError);
    await expect(comparisonGrid([{ data: new Float32Array(), shape: [0, 2, 2, 3] }])).rejects.toThrow(
      'at least one image, got none',
    );
  });
});

describe('tokenMap', () => {
  const colors = Uint8Array.of(1, 1, 1, 2, 2, 2, 3, 3, 3);

  it('draws one square a token in raster order', () => {
    const map = tokenMap(Int32Array.of(0, 1, 2, 2, 1, 0), { grid: [2, 3], colors, scale: 4 });
    expect([map.width, map.height]).toEqual([12, 8]);
    expect([pixel(map, 3, 3), pixel(map, 4, 3), pixel(map, 8, 0)].map(([value]) => value)).toEqual([1, 2, 3]);
    expect([pixel(map, 0, 4), pixel(map, 7, 7), pixel(map, 11, 7)].map(([value]) => value)).toEqual([3, 2, 1]);
  });

  it('chooses colours itself', () => {
    const map = tokenMap([0, 1], { grid: [1, 2], codebookSize: 512 });
    expect(pixel(map, 0, 0)).not.toEqual(pixel(map, 16, 0));
  });

  it('refuses what does not fit', () => {
    expect(() => tokenMap([0], { grid: [1, 2], colors })).toThrow('tokenMap: expected 2 indices, 1 rows of 2, got 1.');
    expect(() => tokenMap([0, 3], { grid: [1, 2], colors })).toThrow(
      'tokenMap: expected codes in [0, 3), got 3 at token 1.',
    );
    expect(() => tokenMap([-1, 0], { grid: [1, 2], colors })).toThrow(DataError);
    expect(() => tokenMap([0.5, 0], { grid: [1, 2], colors })).toThrow(DataError);
    expect(() => tokenMap([0, 0], { grid: [1, 2], colors, scale: 0 })).toThrow(ConfigError);
    expect(() => tokenMap([0, 0], { grid: [1, 2] })).toThrow(
      'codeColors: expected codebookSize or codebook, got neither.',
    );
  });
});
