import {
  assertInRange,
  assertTokensFit,
  ConfigError,
  foldIn,
  formatShape,
  permutation,
  randomKey,
  ShapeError,
  type HostTokens,
  type TokenShape,
} from '@vitvq/core';

/** Which positions of images are drawn anew. */
export interface TokenMask {
  /** Row-major `[B, N]`: 1 where tokens are drawn anew, 0 where they stay. */
  readonly data: Uint8Array;
  readonly shape: readonly [number, number];
}

/** Which pixels of images change. */
export interface PixelMask {
  /** Row-major `[B, H, W]`: above 0 where pixels change, 0 where they stay. */
  readonly data: Uint8Array;
  readonly shape: readonly [number, number, number];
}

/** A part of the token grid, in tokens. */
export interface TokenRectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

type Grid = readonly [number, number];

/**
 * Returns the tokens of which a pixel changes.
 * @throws {ShapeError} unless the grid divides height and width
 */
export function maskOfPixels({ data, shape: [images, height, width] }: PixelMask, [rows, columns]: Grid): TokenMask {
  if (height % rows !== 0 || width % columns !== 0 || data.length !== images * height * width) {
    throw new ShapeError({
      where: 'maskOfPixels',
      expected: `a mask [B, H, W] of whole patches on a grid of ${rows}x${columns}`,
      got: `${data.length} values in ${formatShape([images, height, width])}`,
    });
  }
  const mask = new Uint8Array(images * rows * columns);
  data.forEach((value, at) => {
    if (value === 0) return;
    const [image, y, x] = [Math.floor(at / (height * width)), Math.floor(at / width) % height, at % width];
    const [row, column] = [Math.floor((y * rows) / height), Math.floor((x * columns) / width)];
    mask[(image * rows + row) * columns + column] = 1;
  });
  return { data: mask, shape: [images, rows * columns] };
}

/**
 * Returns the tokens of a rectangle, the same in every image: its inside is painted in, and with
 * {@link invertMask} everything around it is (out-painting).
 * @throws {ConfigError} unless it lies within the grid
 */
export function maskOfRectangle({ top, left, height, width }: TokenRectangle, grid: Grid, images: number): TokenMask {
  const [rows, columns] = grid;
  const isInside = top >= 0 && left >= 0 && height > 0 && width > 0 && top + height <= rows && left + width <= columns;
  if (!isInside || ![top, left, height, width].every(Number.isInteger)) {
    throw new ConfigError({
      where: 'maskOfRectangle',
      expected: `a rectangle of whole tokens within ${rows} rows and ${columns} columns`,
      got: JSON.stringify({ top, left, height, width }),
    });
  }
  const one = Uint8Array.from({ length: rows * columns }, (_, position) => {
    const [row, column] = [Math.floor(position / columns), position % columns];
    return Number(row >= top && row < top + height && column >= left && column < left + width);
  });
  return { data: repeated(one, images), shape: [images, rows * columns] };
}

/**
 * Returns so many tokens of each image at random, for a variation of it.
 * @param fraction  of the tokens, in (0, 1]; at least one token
 * @param seeds  one for each image
 */
export function maskAtRandom(fraction: number, [rows, columns]: Grid, seeds: readonly number[]): TokenMask {
  assertInRange(fraction, 'fraction', 'maskAtRandom', 0, 1);
  const positions = rows * columns;
  const data = new Uint8Array(seeds.length * positions);
  for (const [image, seed] of seeds.entries()) {
    const order = permutation(foldIn(randomKey(seed), 2), positions);
    for (const position of order.subarray(0, Math.max(1, Math.round(fraction * positions)))) {
      data[image * positions + position] = 1;
    }
  }
  return { data, shape: [seeds.length, positions] };
}

/** Returns the other tokens. */
export function invertMask({ data, shape }: TokenMask): TokenMask {
  return { data: data.map((value) => Number(value === 0)), shape };
}

/**
 * Returns tokens of which the masked ones are those of another image.
 * @throws {ShapeError} unless both and the mask are of as many images and positions
 */
export function swapTokens(tokens: HostTokens, others: HostTokens, mask: TokenMask): HostTokens {
  for (const { shape } of [others, { shape: [...mask.shape, ...tokens.shape.slice(2)] }]) {
    if (formatShape(shape) === formatShape(tokens.shape)) continue;
    throw new ShapeError({
      where: 'swapTokens',
      expected: `tokens and a mask of ${formatShape(tokens.shape)}`,
      got: formatShape(shape),
    });
  }
  const codeDepth = tokens.shape[2] ?? 1;
  return {
    data: tokens.data.map((token, at) => (mask.data[Math.floor(at / codeDepth)] === 0 ? token : others.data[at]!)),
    shape: tokens.shape,
  };
}

/**
 * Returns the tokens with -1 where the mask says that they are drawn anew.
 * @throws {ShapeError} unless the mask is of the same images
 */
export function withoutMasked(tokens: HostTokens, mask: TokenMask, model: TokenShape, where: string): HostTokens {
  assertTokensFit(tokens.shape, model, where);
  const [images, positions] = tokens.shape as [number, number];
  if (formatShape(mask.shape) !== formatShape([images, positions]) || mask.data.length !== images * positions) {
    throw new ShapeError({
      where,
      expected: `a mask ${formatShape([images, positions])}, one value for each position`,
      got: `${mask.data.length} values in ${formatShape(mask.shape)}`,
    });
  }
  const unknown = { data: new Int32Array(tokens.data.length).fill(-1), shape: tokens.shape };
  return swapTokens(tokens, unknown, mask);
}

function repeated(values: Uint8Array, count: number): Uint8Array {
  const all = new Uint8Array(count * values.length);
  for (let index = 0; index < count; index++) all.set(values, index * values.length);
  return all;
}
