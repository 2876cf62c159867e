import { assertInteger, ConfigError } from '@vitvq/core';
import { isSizes } from './safetensors-header.js';
import type { TensorDescription } from './tensor-source.js';

/** Some rows of a tensor along its first axis; a scalar has one row. */
export interface TensorPiece {
  /** The tensor as a whole. */
  readonly tensor: TensorDescription;
  /** First row. */
  readonly begin: number;
  /** Row behind the last one. */
  readonly end: number;
}

/** Bytes of an element, float32 or int32. */
const elementBytes = 4;

/**
 * Divides tensors among processes, so that each gets about as many bytes as the others: tensors
 * stand one behind the other, and are cut between two rows where the next process takes over. The
 * same tensors and number give the same pieces everywhere.
 * @returns the pieces of each process; there are none for some where rows are few
 * @throws {ConfigError} unless `processes` is a positive integer and shapes are lists of sizes
 */
export function divideTensors(tensors: readonly TensorDescription[], processes: number): TensorPiece[][] {
  assertInteger(processes, 'processes', 'divideTensors');
  for (const { name, shape } of tensors) {
    if (isSizes(shape)) continue;
    const expected = `tensor ${JSON.stringify(name)} to have a shape`;
    throw new ConfigError({ where: 'divideTensors', expected, got: String(shape) });
  }
  const total = tensors.reduce((sum, { shape }) => sum + bytesOf(shape), 0);
  const pieces: TensorPiece[][] = Array.from({ length: processes }, () => []);
  let position = 0;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor.shape);
    const rows = rowsOf(tensor.shape);
    if (bytes === 0) {
      const process = total === 0 ? 0 : Math.floor((position / total) * processes);
      pieces[Math.min(process, processes - 1)]!.push({ tensor, begin: 0, end: rows });
      continue;
    }
    const cutAt = (process: number): number => {
      const row = Math.round((((process / processes) * total - position) / bytes) * rows);
      return process === processes ? rows : Math.min(rows, Math.max(0, row));
    };
    for (const [process, own] of pieces.entries()) {
      const [begin, end] = [cutAt(process), cutAt(process + 1)];
      if (begin < end) own.push({ tensor, begin, end });
    }
    position += bytes;
  }
  return pieces;
}

/** Returns the number of rows of a tensor, along which it is cut. */
export function rowsOf(shape: readonly number[]): number {
  return shape[0] ?? 1;
}

/** Returns the shape of a piece of a tensor. */
export function pieceShape({ tensor: { shape }, begin, end }: TensorPiece): number[] {
  return rowsShape(shape, begin, end);
}

/** Returns the shape of some rows of a tensor. */
export function rowsShape(shape: readonly number[], begin: number, end: number): number[] {
  return shape.length === 0 ? [] : [end - begin, ...shape.slice(1)];
}

function bytesOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, elementBytes);
}
