import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import {
  assertShape,
  formatShape,
  Module,
  normalInitializer,
  ShapeError,
  split,
  type Initializer,
  type RandomKey,
} from '@vitvq/core';
import { weightStddev, pick, type RotaryConditions } from '@vitvq/layers';
import type { ConditionOptions } from '../condition-options.js';
import type { Conditions } from '../token-model.js';

/**
 * Positions of image tokens: `sequence` adds one vector a position (the reference), `grid` a vector
 * of its row plus one of its column (the paper's 2-D positions), and `rotary` adds nothing, but
 * turns queries and keys by row and column (LlamaGen).
 */
export type TokenPositions = (typeof tokenPositionNames)[number];

/** Every {@link TokenPositions}, for schemas of configs. */
export const tokenPositionNames = ['sequence', 'grid', 'rotary'] as const;

/** Vocabularies, grid and width of a sequence embedding. */
export interface SequenceEmbeddingOptions {
  /** Number of image tokens to choose from: the tokenizer's codebook size. */
  readonly vocabSize: number;
  /** Rows and columns of image tokens. */
  readonly grid: readonly [number, number];
  /**
   * Number of condition tokens to choose from: classes, text tokens, another codebook. Without,
   * conditions come as embeddings.
   */
  readonly conditionVocabSize?: number;
  /** Number of condition tokens before the image. @default 1 */
  readonly conditionLength?: number;
  /** Width of a token. */
  readonly dim: number;
  /** @default 'sequence', the reference's */
  readonly positions?: TokenPositions;
  /**
   * What rotary positions make of the conditions; with other positions it must be left out.
   * LlamaGen has `zero`: no token can then attend to one condition more than to another.
   * @default 'unrotated'
   */
  readonly rotaryConditions?: RotaryConditions;
  readonly key: RandomKey;
}

/**
 * Conditions and image tokens as vectors, each with tables of its own. Variables: `conditions`
 * `[Vc, D]`, `conditionPositions` `[C, D]`, `tokens` `[V, D]`, and `positions` `[N, D]`, or
 * `rowPositions` and `columnPositions`. With rotary positions there are none of tokens, and those
 * of conditions where there are several that all see each other, whose order nothing else tells.
 */
export class SequenceEmbedding extends Module {
  readonly vocabSize: number;
  readonly grid: readonly [number, number];
  readonly conditionLength: number;
  readonly conditionVocabSize: number | undefined;
  readonly dim: number;
  /** What errors call the model. */
  readonly where: string;
  readonly #conditions: Variable<tf.Rank.R2> | undefined;
  readonly #conditionPositions: Variable<tf.Rank.R2> | undefined;
  readonly #tokens: Variable<tf.Rank.R2>;
  readonly #positions: readonly Variable<tf.Rank.R2>[];

  /** @param options  that the model has checked */
  constructor(
    {
      vocabSize,
      grid,
      conditionVocabSize,
      conditionLength = 1,
      conditionAttention,
      dim,
      positions,
      key,
    }: SequenceEmbeddingOptions & Pick<ConditionOptions, 'conditionAttention'>,
    positionInitializer: Initializer,
    where: string,
  ) {
    super();
    this.where = where;
    this.vocabSize = vocabSize;
    this.grid = grid;
    this.conditionLength = conditionLength;
    this.conditionVocabSize = conditionVocabSize;
    this.dim = dim;
    const [conditionKey, conditionPositionKey, tokenKey, positionKey] = split(key, 4) as [
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
    ];
    const table = normalInitializer(weightStddev);
    if (conditionVocabSize !== undefined) {
      this.#conditions = this.variable('conditions', table(conditionKey, [conditionVocabSize, dim]));
    }
    if (positions !== 'rotary' || (conditionLength > 1 && conditionAttention !== 'causal')) {
      this.#conditionPositions = this.variable(
        'conditionPositions',
        positionInitializer(conditionPositionKey, [conditionLength, dim]),
      );
    }
    this.#tokens = this.variable('tokens', table(tokenKey, [vocabSize, dim]));
    this.#positions = positionTables(grid, positions).map(([name, rows], index) =>
      this.variable(name, positionInitializer(split(positionKey)[index]!, [rows, dim])),
    );
  }

  /** Conditions to `[B, C, D]`. @throws {ShapeError} */
  conditions(conditions: Conditions): Tensor3D {
    const { conditionLength, dim } = this;
    if (conditions.rank === 3) {
      assertShape(conditions, ['B', conditionLength, dim], this.where, 'These are embeddings of the conditions.');
      return this.#placeConditions(conditions as Tensor3D);
    }
    if (!this.#conditions) {
      throw new ShapeError({
        where: this.where,
        expected: `condition embeddings ${formatShape(['B', conditionLength, dim])}`,
        got: formatShape(conditions.shape),
        fix: 'Give the model a conditionVocabSize to embed condition tokens itself.',
      });
    }
    assertShape(
      conditions,
      ['B', conditionLength],
      this.where,
      'These are condition tokens, such as one class an image.',
    );
    return this.#placeConditions(lookUp(this.#conditions, conditions));
  }

  /** `[.., L]` tokens to `[.., L, D]`, without positions. */
  lookUp(tokens: Tensor): Tensor {
    return lookUp(this.#tokens, tokens);
  }

  /** The vectors of the first `count` tokens, `[count, D]`. */
  vectors(count: number): Tensor2D {
    return count === this.vocabSize ? this.#tokens : tf.slice(this.#tokens, [0, 0], [count, -1]);
  }

  /**
   * Token vectors `[B, n, D]` with the first n positions added.
   * @throws {ShapeError} when there are more than positions
   */
  place(vectors: Tensor3D): Tensor3D {
    const [, count, dim] = vectors.shape;
    const table = this.#table();
    if (!table) return vectors;
    return tf.add(vectors, count === table.shape[0] ? table : tf.slice(table, [0, 0], [count, dim]));
  }

  /** Token vectors `[B, D]` with the position `index` (int32 scalar) added. */
  placeAt(vectors: Tensor2D, index: Scalar): Tensor2D {
    const table = this.#table();
    return table ? tf.add(vectors, pick(table, index, 0)) : vectors;
  }

  /**
   * Returns positions as vectors that are added to tokens, which rotary ones are not: int32 `[..]`,
   * counted in raster order, to `[.., D]`.
   */
  positionsAt(positions: Tensor): Tensor {
    return lookUp(this.#table()!, positions);
  }

  /** Throws unless tokens are `[B, n]` or `[B, n, L]` with 1 <= n <= N. @throws {ShapeError} */
  assertTokens(tokens: Tensor, codeDepth: number): void {
    const [rows, columns] = this.grid;
    assertShape(tokens, codeDepth === 1 ? ['B', 'N'] : ['B', 'N', codeDepth], this.where);
    const count = tokens.shape[1]!;
    if (count < 1 || count > rows * columns) {
      throw new ShapeError({
        where: this.where,
        expected: `1 to ${rows * columns} tokens an image, the positions of a grid of ${rows}x${columns}`,
        got: `${count} tokens, ${formatShape(tokens.shape)}`,
        fix: 'Give the model the grid of the tokenizer.',
      });
    }
  }

  #placeConditions(vectors: Tensor3D): Tensor3D {
    return this.#conditionPositions ? tf.add(vectors, this.#conditionPositions) : vectors;
  }

  /** `[N, D]`, none with rotary positions. */
  #table(): Tensor2D | undefined {
    const [first, columns] = this.#positions;
    if (!first || !columns) return first;
    const [height, width] = this.grid;
    const sum = tf.add(tf.expandDims(first, 1), tf.expandDims(columns, 0)); // [rows, columns, D]
    return tf.reshape(sum, [height * width, this.dim]);
  }
}

/** Names and sizes of the tables of positions. */
function positionTables(
  [rows, columns]: readonly [number, number],
  positions: TokenPositions = 'sequence',
): readonly (readonly [string, number])[] {
  switch (positions) {
    case 'sequence':
      return [['positions', rows * columns]];
    case 'grid':
      return [
        ['rowPositions', rows],
        ['columnPositions', columns],
      ];
    case 'rotary':
      return [];
  }
}

/** Rows of a table: int32 `[..]` to `[.., D]`. */
function lookUp<T extends Tensor>(table: Tensor2D, tokens: Tensor): T {
  return tf.gather(table, tokens) as Tensor as T;
}
