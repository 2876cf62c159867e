import type { Tensor, Variable } from '@tensorflow/tfjs-core';

const axes = new WeakMap<Tensor, number>();

/**
 * Says along which axis an engine may shard a variable over the axis `model` of a mesh of devices
 * (tensor parallelism). It decides where the variable lies, never what is computed.
 */
export function shardOverModel(variable: Variable, axis: number): void {
  axes.set(variable, axis);
}

/** Returns the axis that {@link shardOverModel} named; undefined where none was. */
export function modelAxisOf(tensor: Tensor): number | undefined {
  return axes.get(tensor);
}

/** Gives a variable that belongs to another, such as a moment or an average, the same axis. */
export function shardLike(variable: Variable, other: Variable): void {
  const axis = axes.get(other);
  if (axis !== undefined) axes.set(variable, axis);
}
