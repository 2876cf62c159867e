import { hostTypeOf, type Program } from '../backend/backend.js';
import { runPasses } from '../passes/pipeline.js';
import type { PjrtProgram } from './protocol.js';
import { lowerToStableHlo, stableHloPasses } from './stablehlo/lower.js';

/**
 * Makes a StableHLO module of a program, in which new values of states take the memory of the old.
 */
export function buildProgram({ name, graph: traced, resultCount, stateInputs }: Program): PjrtProgram {
  const graph = runPasses(traced, stableHloPasses);
  const stateOf = new Map(
    stateInputs.flatMap((input, state) => (input === undefined ? [] : [[input, state] as const])),
  );
  const aliases = new Map([...stateOf].map(([input, state]) => [input, resultCount + state]));
  const { text, parameters, checks } = lowerToStableHlo(graph, aliases);
  return {
    name,
    text,
    parameters: parameters.map((input) => ({
      input,
      state: stateOf.get(input),
      ...hostTypeOf(graph.inputs[input]!),
    })),
    outputs: graph.outputs.map(hostTypeOf),
    resultCount,
    checks,
  };
}
