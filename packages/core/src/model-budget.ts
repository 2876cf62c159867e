import type { Variable } from '@tensorflow/tfjs-core';
import { formatShape } from './checks.js';
import { ShapeError } from './errors.js';

/** An open file that the weights of a model are about to come from. */
export interface WeightsFile {
  /** For messages. */
  readonly file: string;
  readonly entries: readonly { readonly shape: readonly number[] }[];
}

/** What a model may have beyond twice what its file holds: 16 MiB, and the variables of about ninety blocks of a transformer. */
const spare = { elements: 2 ** 22, variables: 1000 };

/**
 * How large a model can be that is built for a file. One that fits has exactly what the file holds; twice that and something is
 * let pass, so that where the two differ they can be compared by name. What is far beyond cannot be this file's model, and to build it
 * could take all memory.
 */
class ModelBudget {
  readonly #file: string;
  readonly #held: string;
  readonly #maximumElements: number;
  readonly #maximumVariables: number;
  readonly #variables: Variable[] = [];
  #elements = 0;

  constructor({ file, entries }: WeightsFile) {
    const elements = entries.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
    this.#file = file;
    this.#held = `${elements} elements in ${entries.length} tensors`;
    this.#maximumElements = 2 * elements + spare.elements;
    this.#maximumVariables = 2 * entries.length + spare.variables;
  }

  /** @throws {ShapeError} */
  assert({ elements = 0, variables = 0 }: ModelNeeds, what: string): void {
    const fits =
      this.#elements + elements <= this.#maximumElements &&
      this.#variables.length + variables <= this.#maximumVariables;
    if (fits) return;
    throw new ShapeError({
      where: this.#file,
      expected: 'the weights of the model that the config describes',
      got: `${this.#held}, far too few for ${what}`,
      fix: 'The config belongs to another model.',
    });
  }

  add(variable: Variable): void {
    this.#variables.push(variable);
    this.#elements += variable.size;
  }

  disposeVariables(): void {
    for (const variable of this.#variables) variable.dispose();
  }
}

let budget: ModelBudget | undefined;

/** What a part of a model takes at least. */
export interface ModelNeeds {
  /** Numbers that it holds in memory. @default 0 */
  readonly elements?: number;
  /** @default 0 */
  readonly variables?: number;
}

/**
 * While a model is built for a file (`withoutDrawing(build, file)`), throws where it becomes much larger than what the file holds;
 * otherwise does nothing. Variables and initializers ask by themselves. To be asked before anything else that a config may make large:
 * tables that are computed, arrays with an item a block.
 * @param what  needs so much, for the message: `20000 blocks`
 * @throws {ShapeError} naming the file
 */
export function assertAffordable(needs: ModelNeeds, what: string): void {
  budget?.assert(needs, what);
}

/** Before memory for a tensor of the shape is taken. @throws {ShapeError} */
export function assertTensorAffordable(shape: readonly number[], variables = 0): void {
  const elements = shape.reduce((product, size) => product * size, 1);
  budget?.assert({ elements, variables }, `a model with a tensor ${formatShape(shape)} besides what it has already`);
}

/** Counts a variable that has been made. */
export function countVariable(variable: Variable): void {
  budget?.add(variable);
}

/** Runs `build` under the budget of the file; when it fails, the variables that it has made are disposed of. */
export function withinBudget<T>(file: WeightsFile, build: () => T): T {
  const before = budget;
  const own = new ModelBudget(file);
  budget = own;
  try {
    return build();
  } catch (error) {
    own.disposeVariables();
    throw error;
  } finally {
    budget = before;
  }
}
