import { DataError, ShapeError, assertInteger } from '@vitvq/core';
import { codeColors, type CodeColorsOptions } from './code-colors.js';
import type { RgbImage } from './rgb-image.js';

export interface TokenMapOptions extends CodeColorsOptions {
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /** Colours by `codeColors`, to compute them once for many maps; then `codebook` and `codebookSize` are not needed. */
  readonly colors?: Uint8Array;
  /** Pixels of the result for one token. @default 16 */
  readonly scale?: number;
}

/**
 * A picture of an image's codes: one square a token, one colour a code.
 * @param indices  codes in raster order, `grid[0] * grid[1]` of them, in [0, K)
 * @throws {ShapeError} when their number does not fit the grid
 * @throws {DataError} for an index outside the codebook
 */
export function tokenMap(
  indices: ArrayLike<number>,
  { grid, colors, scale = 16, codebookSize, codebook }: TokenMapOptions,
): RgbImage {
  const [rows, columns] = grid;
  assertInteger(scale, 'scale', 'tokenMap');
  if (indices.length !== rows * columns) {
    throw new ShapeError({
      where: 'tokenMap',
      expected: `${rows * columns} indices, ${rows} rows of ${columns}`,
      got: String(indices.length),
    });
  }
  const palette = colors ?? codeColors({ codebookSize, codebook });
  const codes = palette.length / 3;
  const width = columns * scale;
  const height = rows * scale;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const position = Math.floor(y / scale) * columns + Math.floor(x / scale);
      const code = indices[position]!;
      if (!(Number.isInteger(code) && code >= 0 && code < codes)) {
        throw new DataError({
          where: 'tokenMap',
          expected: `codes in [0, ${codes})`,
          got: `${code} at token ${position}`,
        });
      }
      data.set(palette.subarray(code * 3, code * 3 + 3), (y * width + x) * 3);
    }
  }
  return { width, height, data };
}
