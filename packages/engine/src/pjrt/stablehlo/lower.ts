import { isBinary, isUnary, type Graph, type Operation, type Value } from '../../ir/graph.js';
import { deviceCountOf, type Mesh } from '../../mesh.js';
import type { PassOptions } from '../../passes/pipeline.js';
import type { ShardingDialect } from '../sharding/dialect.js';
import { sameSharding, type Sharding } from '../sharding/sharding.js';
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

/** Where the tensors of a module lie on the devices of a mesh. */
export interface ModulePlacement {
  readonly mesh: Mesh;
  readonly dialect: ShardingDialect;
  /** Of each graph input. */
  readonly inputs: readonly Sharding[];
  /** Of each graph input where an operation that is not elementwise reads it. */
  readonly inputsInUse: readonly Sharding[];
  /** Of each graph output. */
  readonly outputs: readonly Sharding[];
}

/** Options of {@link lowerToStableHlo}. */
export interface LoweringOptions {
  /** For graph inputs whose memory an output may take, the index of that output. @default none */
  readonly aliases?: ReadonlyMap<number, number>;
  /** @default one device */
  readonly placement?: ModulePlacement | undefined;
}

/** Whether each element of an operation's results needs one element of each operand only. */
const isElementwise = (operation: Operation): boolean =>
  isUnary(operation) ||
  isBinary(operation) ||
  ['compare', 'select', 'convert', 'reduce_precision'].includes(operation.kind);

/**
 * Gives operations the inputs that they read. Elementwise operations, such as the update of a
 * weight, work on the part of an input that a device has; others, such as products, on the input
 * as it lies in use, to which it is moved before the first of them.
 */
class InputsInUse {
  readonly #writer: ModuleWriter;
  readonly #placement: ModulePlacement;
  /** Inputs that are moved: the name of the parameter, and the sharding in use. */
  readonly #moved = new Map<Value, { readonly own: string; readonly sharding: Sharding; inUse?: string }>();

  constructor(writer: ModuleWriter, placement: ModulePlacement) {
    this.#writer = writer;
    this.#placement = placement;
  }

  /** Adds a parameter. */
  add(input: Value, index: number, own: string): void {
    const sharding = this.#placement.inputsInUse[index]!;
    if (!sameSharding(sharding, this.#placement.inputs[index]!)) this.#moved.set(input, { own, sharding });
  }

  /** Binds the inputs of an operation to what it reads. */
  bindFor(operation: Operation): void {
    const onParts = isElementwise(operation);
    for (const operand of operation.operands) {
      const input = this.#moved.get(operand);
      if (!input) continue;
      if (!onParts) input.inUse ??= this.#move(operand, input.own, input.sharding);
      this.#writer.bind(operand, onParts ? input.own : input.inUse!);
    }
  }

  #move(input: Value, own: string, sharding: Sharding): string {
    const { dialect, mesh } = this.#placement;
    return this.#writer.emit(dialect.constraint(own, tensorType(input), sharding, mesh));
  }

  /**
   * Treats what is an input in another type as that input, once its results are bound: what is
   * narrower is moved in fewer bytes.
   */
  follow({ kind, operands, results }: Operation): void {
    const input = kind === 'convert' ? this.#moved.get(operands[0]!) : undefined;
    const [converted] = results;
    if (input && converted) this.#moved.set(converted, { own: this.#writer.of(converted), sharding: input.sharding });
  }

  /** Binds every input to the part that a device has, as outputs return it. */
  bindForOutputs(): void {
    for (const [input, { own }] of this.#moved) this.#writer.bind(input, own);
  }
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
