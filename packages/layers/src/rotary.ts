import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { allocate, assertInteger, ConfigError, type HostTensor } from '@vitvq/core';

/**
 * Rotation of queries and keys, `[T, headDim]` each, or `[headDim]` for one position. Channels i
 * and i + headDim / 2 are a plane that turns by an angle a: `cos` has cos a for both of them, and
 * `sin` has -sin a for the former and sin a for the latter.
 */
export interface Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** Tables of a {@link Rotation}. */
export interface RotationTables {
  readonly cos: HostTensor;
  readonly sin: HostTensor;
}

/**
 * Treatment of conditions by rotary positions: they stay as they are, or their queries and keys are
 * 0, so that all see each condition with a score of 0.
 */
export type RotaryConditions = (typeof rotaryConditionNames)[number];

/** Every {@link RotaryConditions}, for schemas of configs. */
export const rotaryConditionNames = ['unrotated', 'zero'] as const;

/**
 * Returns the rotations of rotary positions in two dimensions (Su et al. 2021 turn along one;
 * LlamaGen, arXiv:2406.06525, along two). The conditions come first, then the grid in raster order.
 * The first half of the planes turns with the row, the second with the column; plane i of each
 * half turns by 10000^(-i / (headDim / 4)) for each step. Computed in double precision.
 *
 * LlamaGen's code makes planes of neighbouring channels 2i and 2i + 1. Scores are the same, since
 * queries and keys have the same order of channels; its weights are reordered when imported.
 * @param conditions  number of conditions
 * @throws {ConfigError} unless `headDim` is a multiple of 4
 */
export function rotaryPositions2D(
  headDim: number,
  [rows, columns]: readonly [number, number],
  conditions = 0,
  treatment: RotaryConditions = 'unrotated',
): RotationTables {
  const where = 'rotaryPositions2D';
  assertInteger(rows, 'grid rows', where);
  assertInteger(columns, 'grid columns', where);
  assertInteger(conditions, 'conditions', where, 0);
  if (!Number.isInteger(headDim) || headDim < 4 || headDim % 4 !== 0) {
    throw new ConfigError({
      where,
      expected: 'headDim to be a positive multiple of 4 (two channels of row and column each)',
      got: String(headDim),
      fix: 'Choose dim as a multiple of 4 numHeads, or learned positions.',
    });
  }
  const [planes, perAxis] = [headDim / 2, headDim / 4];
  const shape = [conditions + rows * columns, headDim];
  const cos = allocate(shape, where, (size) => new Float32Array(size));
  const sin = allocate(shape, where, (size) => new Float32Array(size));
  cos.fill(treatment === 'zero' ? 0 : 1, 0, conditions * headDim);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const start = (conditions + row * columns + column) * headDim;
      for (let plane = 0; plane < planes; plane++) {
        const step = plane < perAxis ? row : column;
        const angle = step / 10000 ** ((plane % perAxis) / perAxis);
        cos[start + plane] = cos[start + planes + plane] = Math.cos(angle);
        sin[start + planes + plane] = Math.sin(angle);
        sin[start + plane] = -Math.sin(angle);
      }
    }
  }
  return { cos: { shape, data: cos }, sin: { shape, data: sin } };
}

/** Rotates queries or keys `[B, M, T, headDim]`. */
export function rotate<T extends Tensor>(x: T, { cos, sin }: Rotation): T {
  const [first, second] = tf.split(x, 2, -1) as [Tensor, Tensor];
  return tf.add<T>(tf.mul(x, cos), tf.mul(tf.concat([second, first], -1), sin));
}
