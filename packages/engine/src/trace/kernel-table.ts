import * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../ir/builder.js';
import { sizeOf, type Value } from '../ir/graph.js';

/** Attributes of a TensorFlow.js kernel; each kernel names the types of those that it reads. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- TensorFlow.js types them as any
export type KernelAttributes = Record<string, any>;

/** Writes a TensorFlow.js kernel in primitives. */
export type TracedKernel = (
  b: GraphBuilder,
  inputs: Record<string, Value>,
  attributes: KernelAttributes,
) => Value | Value[];

/** Kernels of a family, by their TensorFlow.js names. */
export type KernelTable = Readonly<Record<string, TracedKernel>>;

/** Returns a table with one row for each entry of another table. */
export function tableOf<T>(entries: Readonly<Record<string, T>>, row: (entry: T) => TracedKernel): KernelTable {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, row(entry)]));
}

/**
 * Returns the axes that an attribute names, counted from the front; all axes where it names none.
 */
export const axesOf = (x: Value, axis: number | number[] | undefined): number[] =>
  tf.util.parseAxisParam(axis ?? x.shape.map((_, index) => index), [...x.shape]);

/** Returns the axis that an attribute names, counted from the front. */
export const axisOf = (x: Value, axis: number): number => tf.util.parseAxisParam(axis, [...x.shape])[0]!;

/** Returns a shape with another axis of size 1. */
export function insertAxis(shape: readonly number[], axis: number): number[] {
  const at = axis < 0 ? axis + shape.length + 1 : axis;
  return [...shape.slice(0, at), 1, ...shape.slice(at)];
}

/** Returns a constant of the shape and dtype of a value. */
export const like = (b: GraphBuilder, x: Value, number: number): Value => b.splat(number, x.shape, x.dtype);

/** Returns the range `from` to `to` of an axis. */
export function sliceAxis(b: GraphBuilder, x: Value, axis: number, from: number, to: number): Value {
  const start = x.shape.map((_, index) => (index === axis ? from : 0));
  const limit = x.shape.map((size, index) => (index === axis ? to : size));
  return b.slice(x, start, limit);
}

/** Returns the number of elements along some axes. */
export const sizeAlong = (x: Value, axes: readonly number[]): number => sizeOf(axes.map((axis) => x.shape[axis]!));
