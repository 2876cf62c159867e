import { deviceCountOf, type Mesh, type MeshAxis } from '../../mesh.js';
import type { Sharding } from './sharding.js';

/** How shardings are written into a StableHLO module. */
export interface ShardingDialect {
  /** Whether XLA reads them with Shardy, its partitioner since 2025. */
  readonly usesShardy: boolean;
  /** Lines at the head of the module. */
  head(mesh: Mesh): readonly string[];
  /** Returns the attribute of a parameter or a result. */
  attribute(sharding: Sharding, mesh: Mesh): string;
  /** Returns an operation that moves a value, without a change, to where the sharding says. */
  constraint(value: string, type: string, sharding: Sharding, mesh: Mesh): string;
  /**
   * Returns an operation that keeps XLA from sharding some axes of a value; what becomes of the
   * others is XLA's choice.
   */
  keepWhole(value: string, type: string, isWhole: readonly boolean[]): string;
}

const axesOf = (sharding: Sharding): string =>
  `[${sharding.map((axis) => (axis === undefined ? '{}' : `{"${axis}"}`)).join(', ')}]`;

/** Annotations of Shardy (https://openxla.org/shardy). */
const shardy: ShardingDialect = {
  usesShardy: true,
  head: ({ data, model }) => [`sdy.mesh @mesh = <["data"=${data}, "model"=${model}]>`],
  attribute: (sharding) => `sdy.sharding = #sdy.sharding<@mesh, ${axesOf(sharding)}>`,
  constraint: (value, type, sharding) => `sdy.sharding_constraint ${value} <@mesh, ${axesOf(sharding)}> : ${type}`,
  keepWhole: (value, type, isWhole) =>
    `sdy.sharding_constraint ${value} <@mesh, [${isWhole.map((whole) => (whole ? '{}' : '{?}')).join(', ')}]> : ${type}`,
};

/**
 * Returns a sharding as text of `xla::OpSharding`: in how many parts each axis is cut, then the
 * devices in the order of the parts.
 */
function opSharding(sharding: Sharding, mesh: Mesh): string {
  const used = sharding.filter((axis) => axis !== undefined);
  if (used.length === 0) return '{replicated}';
  const rest = (['data', 'model'] as const).filter((axis) => !used.includes(axis));
  const order: readonly MeshAxis[] = [...used, ...rest];
  const copies = rest.reduce((count, axis) => count * mesh[axis], 1);
  const parts = [...sharding.map((axis) => (axis === undefined ? 1 : mesh[axis])), ...(copies > 1 ? [copies] : [])];
  const devices = order[0] === 'data' ? `<=[${deviceCountOf(mesh)}]` : `<=[${mesh.data},${mesh.model}]T(1,0)`;
  return `{devices=[${parts.join(',')}]${devices}${copies > 1 ? ' last_tile_dim_replicate' : ''}}`;
}

/** Annotations of GSPMD (arXiv:2105.04663), for plug-ins older than Shardy. */
const gspmd: ShardingDialect = {
  usesShardy: false,
  head: () => [],
  attribute: (sharding, mesh) => `mhlo.sharding = "${opSharding(sharding, mesh)}"`,
  constraint: (value, type, sharding, mesh) =>
    `stablehlo.custom_call @Sharding(${value}) {mhlo.sharding = "${opSharding(sharding, mesh)}"} : (${type}) -> ${type}`,
  keepWhole: (value, type, isWhole) => {
    const free = isWhole.flatMap((whole, axis) => (whole ? [] : [axis])).join(',');
    return `stablehlo.custom_call @Sharding(${value}) {backend_config = "unspecified_dims=[${free}]", mhlo.sharding = "{replicated}"} : (${type}) -> ${type}`;
  },
};

/** Version of the PJRT C API from which plug-ins are given Shardy's annotations (mid-2025). */
const firstMinorVersionWithShardy = 72;

/** Returns the dialect that a plug-in with this version of the PJRT C API wants. */
export const shardingDialectFor = (minorVersion: number): ShardingDialect =>
  minorVersion >= firstMinorVersionWithShardy ? shardy : gspmd;
