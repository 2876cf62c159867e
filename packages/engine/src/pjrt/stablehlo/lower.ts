import type { Graph, Operation, Value } from '../../ir/graph.js';
import type { PassOptions } from '../../passes/pipeline.js';
import type { OperationRules } from './dialect.js';
import { tensorType } from './literals.js';
import { ModuleWriter } from './module-writer.js';
import { compositeRule, hasCompositeRule } from './rules/composite.js';
import { elementwiseRules } from './rules/elementwise.js';
import { movementRules } from './rules/movement.js';
import { productRules } from './rules/product.js';
import { reductionRules } from './rules/reduction.js';

/** How every operation is written in StableHLO. */
const rules: OperationRules = {
  ...elementwiseRules,
  ...movementRules,
  ...reductionRules,
  ...productRules,
  composite: compositeRule,
};

/**
 * The passes before the lowering. XLA chooses layouts by itself, and merges equal operations where
 * no barrier stands between them.
 */
export const stableHloPasses: PassOptions = {
  keepsComposite: hasCompositeRule,
  layout: 'channels_last',
  mergesBodies: false,
};

/** A graph as a StableHLO module. */
export interface StableHloModule {
  readonly text: string;
  /** Indices of the graph inputs that are parameters of the module's function, in order. */
  readonly parameters: readonly number[];
  /**
   * What each check of the module means. Where there are any, the last output, after those of the
   * graph, is an int32 scalar: 0, or the number of a check that has failed, from 1.
   */
  readonly checks: readonly string[];
}

/**
 * Translates a graph that has gone through the passes into a StableHLO module, rule by rule.
 * @param aliases  for graph inputs whose memory an output may take, the index of that output
 */
export function lowerToStableHlo(graph: Graph, aliases: ReadonlyMap<number, number> = new Map()): StableHloModule {
  const used = new Set<Value>([...graph.operations.flatMap(({ operands }) => operands), ...graph.outputs]);
  const parameters = [...graph.inputs.keys()].filter((index) => used.has(graph.inputs[index]!));
  const writer = new ModuleWriter();
  const declarations = parameters.map((index, place) => {
    const input = graph.inputs[index]!;
    writer.bind(input, `%arg${place}`);
    const alias = aliases.get(index);
    const attributes = alias === undefined ? '' : ` {tf.aliasing_output = ${alias} : i32}`;
    return `%arg${place}: ${tensorType(input)}${attributes}`;
  });
  for (const operation of graph.operations) {
    const rule = rules[operation.kind] as (w: ModuleWriter, o: Operation) => string | readonly string[];
    const names = [rule(writer, operation)].flat();
    operation.results.forEach((result, index) => writer.bind(result, names[index]!));
  }
  const { checks } = writer;
  const outcome = checks.length > 0 ? [{ name: writer.writeOutcome(), type: 'tensor<i32>' }] : [];
  const returned = [
    ...graph.outputs.map((output) => ({ name: writer.of(output), type: tensorType(output) })),
    ...outcome,
  ];
  const types = returned.map(({ type }) => type).join(', ');
  const outputs = returned.map(({ name }) => name).join(', ');
  const text = [
    'module @main attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {',
    `  func.func public @main(${declarations.join(', ')}) -> (${types}) {`,
    ...writer.lines.map((line) => `    ${line}`),
    returned.length > 0 ? `    return ${outputs} : ${types}` : '    return',
    '  }',
    '}',
    '',
  ].join('\n');
  return { text, parameters, checks };
}
