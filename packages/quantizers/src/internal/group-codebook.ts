import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { assertShape } from '@vitvq/core';
import type { Codebook, CodebookFeatures, CodebookInitialization, CodebookTable, Quantizer } from '@vitvq/core';
import { toRows } from './code-rows.js';
import { isLearned, type LearnedQuantizer } from './learned-quantizer.js';

/** The tables of quantizers that get channels of their own. */
class SeparateCodebook implements Codebook {
  readonly tables: readonly CodebookTable[];
  readonly normalized = false;
  readonly reset?: (z: Tensor, uniform: Tensor1D, options?: CodebookFeatures) => Scalar;
  readonly #quantizers: readonly LearnedQuantizer[];
  readonly #name: string;

  constructor(quantizers: readonly LearnedQuantizer[], name: string) {
    this.#quantizers = quantizers;
    this.#name = name;
    this.tables = quantizers.flatMap(({ codebook }) => codebook.tables);
    if (quantizers.every(({ codebook }) => codebook.reset)) {
      this.reset = (z, uniform, { mask } = {}) =>
        tf.tidy(() =>
          tf.addN(
            this.#set('reset', z, uniform, mask, (codebook, rows, draws, real) =>
              codebook.reset!(rows, draws, { mask: real }),
            ),
          ),
        );
    }
  }

  initialize(z: Tensor, uniform: Tensor1D, { mask, ...options }: CodebookInitialization = {}): void {
    tf.tidy(() => {
      this.#set('initialize', z, uniform, mask, (codebook, rows, draws, real) =>
        codebook.initialize(rows, draws, { ...options, mask: real }),
      );
    });
  }

  /** Sets the codes of every table and returns what `set` returned for each. */
  #set<T>(
    method: 'initialize' | 'reset',
    z: Tensor,
    uniform: Tensor1D,
    mask: Tensor | undefined,
    set: (codebook: Codebook, rows: Tensor2D, draws: Tensor1D, mask?: Tensor) => T,
  ): T[] {
    const where = `${this.#name}.codebook.${method}`;
    const widths = this.#quantizers.map(({ codeDim }) => codeDim);
    const sizes = this.#quantizers.map(({ codebookSize }) => codebookSize);
    assertShape(uniform, [total(sizes)], where, 'Pass one random number a code of every table.');
    const groups = tf.split<Tensor2D>(toRows(z, total(widths), where), widths, 1);
    const draws = tf.split<Tensor1D>(uniform, sizes);
    const real = flatMask(z, mask, where);
    return this.#quantizers.map(({ codebook }, group) => set(codebook, groups[group]!, draws[group]!, real));
  }
}

/** The table that all groups of channels share: each of their features is one of its features. */
class SharedCodebook implements Codebook {
  readonly tables: readonly CodebookTable[];
  readonly normalized = false;
  readonly reset?: (z: Tensor, uniform: Tensor1D, options?: CodebookFeatures) => Scalar;
  readonly #quantizer: LearnedQuantizer;
  readonly #groups: number;
  readonly #name: string;

  constructor(quantizer: LearnedQuantizer, groups: number, name: string) {
    this.#quantizer = quantizer;
    this.#groups = groups;
    this.#name = name;
    const { codebook } = quantizer;
    this.tables = codebook.tables;
    if (codebook.reset) {
      this.reset = (z, uniform, { mask } = {}) =>
        tf.tidy(() => codebook.reset!(this.#split(z, 'reset'), uniform, { mask: this.#repeat(z, mask, 'reset') }));
    }
  }

  initialize(z: Tensor, uniform: Tensor1D, { mask, ...options }: CodebookInitialization = {}): void {
    tf.tidy(() =>
      this.#quantizer.codebook.initialize(this.#split(z, 'initialize'), uniform, {
        ...options,
        mask: this.#repeat(z, mask, 'initialize'),
      }),
    );
  }

  /** Returns the groups of `z` `[..., L·E]` as rows of their own, `[rows·L, E]`. */
  #split(z: Tensor, method: 'initialize' | 'reset'): Tensor2D {
    const { codeDim } = this.#quantizer;
    return tf.reshape(toRows(z, this.#groups * codeDim, `${this.#name}.codebook.${method}`), [-1, codeDim]);
  }

  /** Returns the mask of the groups of `z` as rows, `[rows·L]`. */
  #repeat(z: Tensor, mask: Tensor | undefined, method: 'initialize' | 'reset'): Tensor1D | undefined {
    const real = flatMask(z, mask, `${this.#name}.codebook.${method}`);
    return real && tf.reshape(tf.tile(tf.expandDims(real, 1), [1, this.#groups]), [-1]);
  }
}

/** Returns a mask of features `[..., E]` as `[rows]`. @throws {ShapeError} */
function flatMask(z: Tensor, mask: Tensor | undefined, where: string): Tensor1D | undefined {
  if (!mask) return undefined;
  assertShape(mask, z.shape.slice(0, -1), `${where}, mask`);
  return tf.reshape(mask, [-1]);
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Returns the codebook of quantizers side by side; undefined unless all learn their codes. */
export function separateCodebook(quantizers: readonly Quantizer[], name: string): Codebook | undefined {
  return quantizers.every(isLearned) ? new SeparateCodebook(quantizers, name) : undefined;
}

/** Returns the codebook of a quantizer of all groups; undefined unless it learns its codes. */
export function sharedCodebook(quantizer: Quantizer, groups: number, name: string): Codebook | undefined {
  return isLearned(quantizer) ? new SharedCodebook(quantizer, groups, name) : undefined;
}
