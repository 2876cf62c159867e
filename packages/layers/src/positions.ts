import { allocate, assertInteger, ConfigError, toSize2D, type HostTensor, type Size2D } from '@vitvq/core';

/**
 * Returns fixed 2-D positions `[N, dim]`, N = rows x columns in raster order (the sines and cosines
 * of Vaswani et al. 2017 in two dimensions, as the reference's `get_2d_sincos_pos_embed`). The
 * first half of the channels encodes the column, the second half the row; each half is dim/4 sines
 * and then dim/4 cosines, of frequencies 10000^(-i / (dim/4)). Computed in double precision.
 * @throws {ConfigError} unless `dim` is a multiple of 4
 */
export function sinCosPositions2D(dim: number, grid: Size2D): HostTensor {
  const where = 'sinCosPositions2D';
  const [rows, columns] = toSize2D(grid);
  assertInteger(rows, 'grid rows', where);
  assertInteger(columns, 'grid columns', where);
  if (!Number.isInteger(dim) || dim < 4 || dim % 4 !== 0) {
    throw new ConfigError({
      where,
      expected: 'dim to be a positive multiple of 4 (sine and cosine of row and column)',
      got: String(dim),
      fix: 'Use learned positions for other widths.',
    });
  }
  const frequencies = dim / 4;
  const data = allocate([rows * columns, dim], where, (size) => new Float32Array(size));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const start = (row * columns + column) * dim;
      for (let index = 0; index < frequencies; index++) {
        const frequency = 1 / 10000 ** (index / frequencies);
        data[start + index] = Math.sin(column * frequency);
        data[start + frequencies + index] = Math.cos(column * frequency);
        data[start + 2 * frequencies + index] = Math.sin(row * frequency);
        data[start + 3 * frequencies + index] = Math.cos(row * frequency);
      }
    }
  }
  return { shape: [rows * columns, dim], data };
}
