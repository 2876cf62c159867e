import { formatShape } from './checks.js';
import { ShapeError } from './errors.js';
import { elementCount } from './host-arrays.js';

/** An open file from which the weights of a model are about to be loaded. */
export interface WeightsFile {
  /** Name of the file, for messages. */
  readonly file: string;
  /** Tensors of the file. */
  readonly entries: readonly { readonly shape: readonly number[] }[];
}

/** Lower bounds of what a part of a model takes. */
export interface ModelNeeds {
  /** Numbers that the part holds in memory. @default 0 */
  readonly elements?: number;
  /** Variables that the part creates. @default 0 */
  readonly variables?: number;
}

/**
 * What a model may have beyond twice what its file holds: 16 MiB, and the variables of about
 * ninety transformer blocks.
 */
const slack = { elements: 2 ** 22, variables: 1000 };

/**
 * Bounds the size of a model whose weights are about to be loaded from a file. A model that fits
 * has exactly what the file holds; up to twice that and a little more is allowed, so that the two
 * can be compared by name. A model far beyond that cannot belong to the file, and building it
 * could take all memory.
 */
export class ModelBudget {
  readonly #weights: WeightsFile | undefined;
  readonly #held: ModelNeeds & { readonly elements: number; readonly variables: number };
  #elements = 0;
  #variables = 0;

  /** Creates a budget for the file; without a file, everything fits. */
  constructor(weights?: WeightsFile) {
    const entries = weights?.entries ?? [];
    this.#weights = weights;
    this.#held = {
      elements: entries.reduce((sum, { shape }) => sum + elementCount(shape), 0),
      variables: entries.length,
    };
  }

  /**
   * Throws when the file holds far too little for what has been taken and these needs.
   * @throws {ShapeError} naming the file
   */
  assertFits({ elements = 0, variables = 0 }: ModelNeeds, what: string): void {
    const held = this.#held;
    const fits =
      this.#elements + elements <= 2 * held.elements + slack.elements &&
      this.#variables + variables <= 2 * held.variables + slack.variables;
    if (!this.#weights || fits) return;
    throw new ShapeError({
      where: this.#weights.file,
      expected: 'the weights of the model that the config describes',
      got: `${held.elements} elements in ${held.variables} tensors, far too few for ${what}`,
      fix: 'The config belongs to another model.',
    });
  }

  /** Counts a variable of this shape before its memory is allocated. @throws {ShapeError} */
  takeVariable(shape: readonly number[]): void {
    const elements = elementCount(shape);
    this.assertFits(
      { elements, variables: 1 },
      `a model with a tensor ${formatShape(shape)} besides what it has already`,
    );
    this.#elements += elements;
    this.#variables++;
  }
}
