import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertShape, detach } from '@vitvq/core';
import type { Codebook, CodebookFeatures, CodebookInitialization, CodebookTable, Quantizer } from '@vitvq/core';
import { toRows } from './code-rows.js';
import { isLearned, type LearnedQuantizer } from './learned-quantizer.js';

/** Sets the codes of a level to rows of what it quantizes. */
type SetCodes<T> = (codebook: Codebook, z: Tensor, uniform: Tensor1D, mask?: Tensor) => T;

/**
 * The tables of a residual quantizer. Where levels have their own, each one is set to what the
 * levels before leave over, with their new codes. A table that levels share is set to what all of
 * them quantize: as many of its codes stand for what is left over at each level.
 */
class ResidualCodebook implements Codebook {
  readonly tables: readonly CodebookTable[];
  readonly normalized = false;
  readonly reset?: (z: Tensor, uniform: Tensor1D, options?: CodebookFeatures) => Scalar;
  readonly #levels: readonly LearnedQuantizer[];
  readonly #isShared: boolean;

  constructor(levels: readonly LearnedQuantizer[]) {
    this.#levels = levels;
    this.#isShared = levels.every((level) => level === levels[0]);
    this.tables = (this.#isShared ? levels.slice(0, 1) : levels).flatMap(({ codebook }) => codebook.tables);
    if (levels.every(({ codebook }) => codebook.reset))
      this.reset = (z, uniform, options) => this.#reset(z, uniform, options);
  }

  initialize(z: Tensor, uniform: Tensor1D, { mask, ...options }: CodebookInitialization = {}): void {
    tf.tidy(() => {
      const set: SetCodes<void> = (codebook, rows, draws, real) =>
        codebook.initialize(rows, draws, { ...options, mask: real });
      // The first codes of a shared table decide what is left over, of which it then gets its own.
      if (this.#isShared) set(this.#levels[0]!.codebook, z, uniform, mask);
      this.#set('initialize', z, uniform, mask, set);
    });
  }

  #reset(z: Tensor, uniform: Tensor1D, { mask }: CodebookFeatures = {}): Scalar {
    return tf.tidy(() =>
      tf.addN(
        this.#set('reset', z, uniform, mask, (codebook, rows, draws, real) =>
          codebook.reset!(rows, draws, { mask: real }),
        ),
      ),
    );
  }

  /** Sets the codes of every table and returns what `set` returned for each. */
  #set<T>(
    method: 'initialize' | 'reset',
    z: Tensor,
    uniform: Tensor1D,
    mask: Tensor | undefined,
    set: SetCodes<T>,
  ): T[] {
    const where = `ResidualQuantizer.codebook.${method}`;
    const { codebookSize, codeDim } = this.#levels[0]!;
    assertShape(uniform, [this.tables.length * codebookSize], where, 'Pass one random number a code of every table.');
    let residual = tf.expandDims<Tensor3D>(detach(toRows(z, codeDim, where)), 0); // [1, rows, E]
    if (mask) assertShape(mask, z.shape.slice(0, -1), `${where}, mask`);
    const real = mask && tf.reshape<tf.Rank.R2>(mask, [1, -1]);
    const leaveOver = (level: Quantizer): void => {
      const { indices } = level.quantize(residual);
      residual = tf.sub(residual, detach(level.decode(indices)));
    };
    if (this.#isShared) {
      const inputs = this.#levels.map((level) => {
        const input = residual;
        leaveOver(level);
        return input;
      });
      const ofAll = real && tf.tile(real, [1, inputs.length]);
      return [set(this.#levels[0]!.codebook, tf.concat(inputs, 1), uniform, ofAll)];
    }
    const draws = tf.split<Tensor1D>(uniform, this.#levels.length);
    return this.#levels.map((level, index) => {
      const result = set(level.codebook, residual, draws[index]!, real);
      leaveOver(level);
      return result;
    });
  }
}

/**
 * Returns the codebook of a residual quantizer with these levels; undefined unless all of them
 * learn their codes.
 */
export function residualCodebook(levels: readonly Quantizer[]): Codebook | undefined {
  return levels.every(isLearned) ? new ResidualCodebook(levels) : undefined;
}
