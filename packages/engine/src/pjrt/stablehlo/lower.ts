import type { Graph, Operation, Value } from '../../ir/graph.js';
import { deviceCountOf } from '../../mesh.js';
import type { PassOptions } from '../../passes/pipeline.js';
import type { Sharding } from '../sharding/sharding.js';
import type { OperationRules } from './dialect.js';
import { InputsInUse, type ModulePlacement } from './inputs-in-use.js';
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

/** Options of {@link lowerToStableHlo}. */
export interface LoweringOptions {
  /** For graph inputs whose memory an output may take, the index of that output. @default none */
  readonly aliases?: ReadonlyMap<number, number>;
  /** @default one device */
  readonly placement?: ModulePlacement | undefined;
}

/**
 * Translates a graph that has gone through the passes into a StableHLO module, rule by rule.
 */
export function lowerToStableHlo(graph: Graph, options: LoweringOptions = {}): StableHloModule {
  const { aliases = new Map<number, number>(), placement } = options;
  const used = new Set<Value>([...graph.operations.flatMap(({ operands }) => operands), ...graph.outputs]);
  const parameters = [...graph.inputs.keys()].filter((index) => used.has(graph.inputs[index]!));
  const writer = new ModuleWriter(placement?.dialect);
  const inUse = placement && new InputsInUse(writer, placement);
  const attributesOf = (...attributes: readonly (string | undefined)[]): string => {
    const given = attributes.filter((attribute) => attribute !== undefined);
    return given.length === 0 ? '' : ` {${given.join(', ')}}`;
  };
  const sharded = (sharding: Sharding): string | undefined => placement?.dialect.attribute(sharding, placement.mesh);
  const declarations = parameters.map((index, place) => {
    const input = graph.inputs[index]!;
    writer.bind(input, `%arg${place}`);
    inUse?.add(input, index, `%arg${place}`);
    const alias = aliases.get(index);
    const attributes = attributesOf(
      placement && sharded(placement.inputs[index]!),
      alias === undefined ? undefined : `tf.aliasing_output = ${alias} : i32`,
    );
    return `%arg${place}: ${tensorType(input)}${attributes}`;
  });
  for (const operation of graph.operations) {
    inUse?.bindFor(operation);
    const rule = rules[operation.kind] as (w: ModuleWriter, o: Operation) => string | readonly string[];
    const names = [rule(writer, operation)].flat();
    operation.results.forEach((result, index) => writer.bind(result, names[index]!));
    inUse?.follow(operation);
  }
  inUse?.bindForOutputs();
  const { checks } = writer;
  const outcome =
    checks.length > 0
      ? [{ name: writer.writeOutcome(), type: 'tensor<i32>', attributes: attributesOf(sharded([])) }]
      : [];
  const returned = [
    ...graph.outputs.map((output, index) => ({
      name: writer.of(output),
      type: tensorType(output),
      attributes: attributesOf(placement && sharded(placement.outputs[index]!)),
    })),
    ...outcome,
  ];
  const types = returned.map(({ type }) => type).join(', ');
  const declared = returned.map(({ type, attributes }) => `${type}${attributes}`).join(', ');
  const outputs = returned.map(({ name }) => name).join(', ');
  const partitions = placement ? deviceCountOf(placement.mesh) : 1;
  const text = [
    `module @main attributes {mhlo.num_partitions = ${partitions} : i32, mhlo.num_replicas = 1 : i32} {`,
    ...(placement?.dialect.head(placement.mesh) ?? []).map((line) => `  ${line}`),
    `  func.func public @main(${declarations.join(', ')}) -> (${declared}) {`,
    ...writer.lines.map((line) => `    ${line}`),
    returned.length > 0 ? `    return ${outputs} : ${types}` : '    return',
    '  }',
    '}',
    '',
  ].join('\n');
  return { text, parameters, checks };
}
