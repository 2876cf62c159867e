import { assertInteger, checkOptions, DataError, ShapeError, type OptionTable, type RgbImage } from '@vitvq/core';
import { codeColors, type CodeColorsOptions } from './code-colors.js';

/** Options of {@link tokenMap}. */
export interface TokenMapOptions extends CodeColorsOptions {
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /**
   * Colours of `codeColors`, computed once for many maps; `codebook` and `codebookSize` are then
   * not needed.
   */
  readonly colors?: Uint8Array;
  /** Pixels of the result for one token, along each side. @default 16 */
  readonly scale?: number;
}

const tokenMapOptionNames: OptionTable<TokenMapOptions> = {
  grid: 'required',
  colors: 'optional',
  scale: 'optional',
  codebookSize: 'optional',
  codebook: 'optional',
};

/**
 * Draws the tokens of an image: a square for each token, in the colour of its code.
 * @param indices  tokens in raster order, `grid[0] * grid[1]` of them, each in `[0, K)`
 * @throws {ShapeError} when their number does not fit the grid
 * @throws {DataError} for an index outside the codebook
 */
export function tokenMap(indices: ArrayLike<number>, options: TokenMapOptions): RgbImage {
  const { grid, colors, scale = 16, codebookSize, codebook } = checkOptions(options, tokenMapOptionNames, 'tokenMap');
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
