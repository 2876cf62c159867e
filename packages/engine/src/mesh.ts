import { assertInteger, assertOneOf, checkOptions, type OptionTable } from '@vitvq/core';

/** Axes of a mesh of devices. */
export type MeshAxis = 'data' | 'model';

/** Ways in which weights and the optimizer's state lie on the devices of the axis `data`. */
export const weightPlacements = ['replicated', 'sharded'] as const;

/** Way in which weights and the optimizer's state lie on the devices of the axis `data`. */
export type WeightPlacement = (typeof weightPlacements)[number];

/** Options of a {@link Mesh}. */
export interface MeshOptions {
  /** Devices over which batches are sharded. @default 1 */
  readonly data?: number;
  /**
   * Devices over which the heads of attention and the hidden layers of feed-forward blocks are
   * sharded (tensor parallelism, as Megatron-LM has it, arXiv:1909.08053). @default 1
   */
  readonly model?: number;
  /**
   * `replicated`: each device of the axis `data` has all weights. `sharded`: each has a part of
   * them and of the optimizer's state, and weights are gathered where they are used (as ZeRO has
   * it, arXiv:1910.02054, stage 3). @default 'replicated'
   */
  readonly weights?: WeightPlacement;
}

const meshOptionNames: OptionTable<MeshOptions> = { data: 'optional', model: 'optional', weights: 'optional' };

/**
 * Arrangement of the devices of one program. It decides where tensors lie and how much is moved,
 * and never what is computed: all sums and means are those of the whole batch.
 */
export type Mesh = Required<MeshOptions>;

/** A mesh of one device. */
export const oneDevice: Mesh = { data: 1, model: 1, weights: 'replicated' };

/**
 * Checks the options of a mesh and fills in the defaults.
 * @throws {ConfigError}
 */
export function resolveMesh(options: MeshOptions = {}): Mesh {
  const where = 'mesh';
  const { data = 1, model = 1, weights = 'replicated' } = checkOptions(options, meshOptionNames, where);
  assertInteger(data, 'data', where);
  assertInteger(model, 'model', where);
  assertOneOf(weights, weightPlacements, 'weights', where);
  return { data, model, weights };
}

/** Returns the number of devices of a mesh. */
export const deviceCountOf = ({ data, model }: Pick<Mesh, MeshAxis>): number => data * model;

/** Describes a mesh in words; nothing for one device. */
export function describeMesh(mesh: Mesh): string {
  const { data, model, weights } = mesh;
  if (deviceCountOf(mesh) === 1) return '';
  const axes = [data > 1 ? `batches over ${data}` : '', model > 1 ? `layers over ${model}` : ''].filter(Boolean);
  return `${deviceCountOf(mesh)} devices (${axes.join(', ')}, weights ${weights})`;
}
