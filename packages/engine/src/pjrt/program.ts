import { byteSizeOf, hostTypeOf, smallBytes, type Program } from '../backend/backend.js';
import type { Graph } from '../ir/graph.js';
import { deviceCountOf, type Mesh } from '../mesh.js';
import { runPasses } from '../passes/pipeline.js';
import type { PjrtProgram } from './protocol.js';
import type { ShardingDialect } from './sharding/dialect.js';
import { gathered, replicated, shardingOfBatch, shardingOfWeight, type Sharding } from './sharding/sharding.js';
import { lowerToStableHlo, stableHloPasses } from './stablehlo/lower.js';

/** What a program is made for. */
export interface PjrtTarget {
  readonly mesh: Mesh;
  /** Processes that the devices of the mesh are of. @default 1 */
  readonly processes?: number;
  /** How the plug-in wants shardings. */
  readonly dialect: ShardingDialect;
}

/**
 * Makes a StableHLO module of a program, in which new values of states take the memory of the old.
 */
export function buildProgram(program: Program, target: PjrtTarget): PjrtProgram {
  const { mesh, dialect } = target;
  const { name, graph: traced, resultCount, stateInputs } = program;
  const graph = runPasses(traced, stableHloPasses);
  const stateOf = new Map(
    stateInputs.flatMap((input, state) => (input === undefined ? [] : [[input, state] as const])),
  );
  const aliases = new Map([...stateOf].map(([input, state]) => [input, resultCount + state]));
  const shardings = shardingsOf(program, graph, target);
  const placement = deviceCountOf(mesh) > 1 ? { mesh, dialect, ...shardings } : undefined;
  const { text, parameters, checks } = lowerToStableHlo(graph, { aliases, placement });
  return {
    name,
    text,
    parameters: parameters.map((input) => ({
      input,
      state: stateOf.get(input),
      sharding: shardings.inputs[input]!,
      ...hostTypeOf(graph.inputs[input]!),
    })),
    outputs: graph.outputs.map((output, index) => ({ ...hostTypeOf(output), sharding: shardings.outputs[index]! })),
    resultCount,
    checks,
  };
}

/**
 * Returns how inputs and outputs lie on the devices: arguments and results by examples, and a
 * variable everywhere as what it is.
 */
function shardingsOf(
  { resultCount, stateInputs, placement: hints }: Program,
  graph: Graph,
  { mesh, processes = 1 }: PjrtTarget,
): Record<'inputs' | 'inputsInUse' | 'outputs', Sharding[]> {
  const isArgument = (input: number): boolean =>
    hints === undefined ? !stateInputs.includes(input) : input < hints.argumentCount;
  const types = graph.inputs.map(hostTypeOf);
  const inputs = types.map((type, index) =>
    isArgument(index) ? shardingOfBatch(type, mesh) : shardingOfWeight(type, hints?.inputModelAxes.get(index), mesh),
  );
  return {
    inputs,
    inputsInUse: inputs.map((sharding, index) => (isArgument(index) ? sharding : gathered(sharding))),
    outputs: graph.outputs.map(hostTypeOf).map((type, index) => {
      // Small results are read after each run: process 0 has them without asking the others.
      if (index < resultCount && processes > 1 && byteSizeOf(type) <= smallBytes) return replicated(type);
      if (index < resultCount) return shardingOfBatch(type, mesh);
      return shardingOfWeight(type, hints?.stateModelAxes.get(index - resultCount), mesh);
    }),
  };
}
