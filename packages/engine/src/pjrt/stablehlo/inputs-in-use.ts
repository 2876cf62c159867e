import { isBinary, isUnary, type Operation, type Value } from '../../ir/graph.js';
import type { Mesh } from '../../mesh.js';
import type { ShardingDialect } from '../sharding/dialect.js';
import { sameSharding, type Sharding } from '../sharding/sharding.js';
import { tensorType } from './literals.js';
import type { ModuleWriter } from './module-writer.js';

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
export class InputsInUse {
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
