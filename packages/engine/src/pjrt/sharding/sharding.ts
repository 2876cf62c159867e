import type { TensorType } from '../../backend/backend.js';
import { deviceCountOf, type Mesh, type MeshAxis } from '../../mesh.js';

/** For each axis of a tensor, the axis of the mesh over which it is sharded; undefined for none. */
export type Sharding = readonly (MeshAxis | undefined)[];

/** Returns the sharding of a tensor that each device has whole. */
export const replicated = ({ shape }: TensorType): Sharding => shape.map(() => undefined);

/** Whether each device has the whole tensor. */
export const isReplicated = (sharding: Sharding): boolean => sharding.every((axis) => axis === undefined);

/** Whether two tensors of one shape lie on the devices in the same way. */
export const sameSharding = (a: Sharding, b: Sharding): boolean => a.join() === b.join();

/** Returns the shape of the part of a tensor that one device has. */
export function partShape(shape: readonly number[], sharding: Sharding, mesh: Mesh): number[] {
  return shape.map((size, index) => (sharding[index] === undefined ? size : size / mesh[sharding[index]]));
}

/** Returns which part of an axis of the mesh a device has; devices count along `model` first. */
function placeOf(device: number, axis: MeshAxis, { model }: Mesh): number {
  return axis === 'model' ? device % model : Math.floor(device / model);
}

/** Returns the index of a device's part along each axis of a tensor. */
export function partIndex(device: number, sharding: Sharding, mesh: Mesh): number[] {
  return sharding.map((axis) => (axis === undefined ? 0 : placeOf(device, axis, mesh)));
}

/** Returns devices that together have each part of a tensor once. */
export function devicesWithParts(sharding: Sharding, mesh: Mesh): number[] {
  const isFirst = (device: number): boolean =>
    (['data', 'model'] as const).every((axis) => sharding.includes(axis) || placeOf(device, axis, mesh) === 0);
  return Array.from({ length: deviceCountOf(mesh) }, (_, device) => device).filter(isFirst);
}

const canShard = (size: number | undefined, devices: number): boolean =>
  devices > 1 && size !== undefined && size > 0 && size % devices === 0;

/**
 * Returns how an argument of a function lies on the devices, or a result of it: by its first axis,
 * which is that of the examples in a batch, where it can be cut into equal parts.
 */
export function shardingOfBatch({ shape }: TensorType, mesh: Mesh): Sharding {
  return shape.map((size, index) => (index === 0 && canShard(size, mesh.data) ? 'data' : undefined));
}

/**
 * Returns how a weight, or a tensor beside it such as its moments, lies on the devices.
 * @param modelAxis  the weight's axis for the axis `model` of the mesh
 */
export function shardingOfWeight({ shape }: TensorType, modelAxis: number | undefined, mesh: Mesh): Sharding {
  const byModel = modelAxis !== undefined && canShard(shape[modelAxis], mesh.model) ? modelAxis : undefined;
  const byData = mesh.weights === 'sharded' ? longestAxis(shape, byModel, mesh.data) : undefined;
  return shape.map((_, index) => (index === byModel ? 'model' : index === byData ? 'data' : undefined));
}

/** Returns the longest axis that can be cut into equal parts, leaving out one. */
function longestAxis(shape: readonly number[], taken: number | undefined, devices: number): number | undefined {
  const axes = [...shape.keys()].filter((axis) => axis !== taken && canShard(shape[axis], devices));
  return axes.sort((a, b) => shape[b]! - shape[a]!)[0];
}

/** Returns a sharding without the axis `data`: that of a weight where it is used. */
export const gathered = (sharding: Sharding): Sharding => sharding.map((axis) => (axis === 'data' ? undefined : axis));
