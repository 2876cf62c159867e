import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import { allocate, Module, normalInitializer, toSize2D, type RandomKey, type Size2D } from '@vitvq/core';
import { z } from 'zod';
import { gridOf, type AttentionKind, type AttentionMechanism } from './attention-kind.js';
import { hiddenScore } from './attention-mask.js';
import { integer } from './internal/attention-schemas.js';

/** Rows and columns. */
type Pair = readonly [number, number];

/** Standard deviation of the table of biases at the start, as in Swin's code. */
const biasStddev = 0.02;

/** Options of {@link WindowedAttention}. */
export interface WindowedAttentionOptions {
  readonly grid: Pair;
  /** Rows and columns of a window, divisors of those of the grid. */
  readonly window: Pair;
  /** Rows and columns by which windows are shifted, each less than those of a window. */
  readonly shift: Pair;
  readonly numHeads: number;
  readonly headDim: number;
  readonly key: RandomKey;
}

/**
 * Attention within windows of the grid (Swin Transformer; Liu et al. 2021, arXiv:2103.14030, sec.
 * 3.2): scores softmax(q·kᵀ/sqrt(headDim) + bias), where the bias depends on head and relative
 * position. Time and memory grow with N. Shifted windows are those of the grid after a cyclic shift
 * towards its first token; tokens that the shift brings together from opposite edges do not see
 * each other. Variable: `bias` `[(2h - 1)(2w - 1), M]` for windows of h x w tokens.
 *
 * Deviations: windows must divide the grid (Swin's code pads), so that no token attends to
 * padding; hidden scores get -1e9 instead of -100, so that hidden tokens have no weight at all.
 */
export class WindowedAttention extends Module implements AttentionMechanism {
  readonly #grid: Pair;
  readonly #window: Pair;
  readonly #shift: Pair;
  readonly #numHeads: number;
  readonly #scale: number;
  readonly #bias: Variable<tf.Rank.R2>;
  /** Built at the first use, since loaders build models before they know that these fit a file. */
  #places: Int32Array | undefined;
  #mask: Float32Array | undefined;

  constructor({ grid, window, shift, numHeads, headDim, key }: WindowedAttentionOptions) {
    super();
    this.#grid = grid;
    this.#window = window;
    this.#shift = shift;
    this.#numHeads = numHeads;
    this.#scale = headDim ** -0.5;
    const positions = (2 * window[0] - 1) * (2 * window[1] - 1);
    this.#bias = this.variable('bias', normalInitializer(biasStddev)(key, [positions, numHeads]));
  }

  /** Maps `[B, M, N, headDim]` to the same shape. */
  attend(q: Tensor4D, k: Tensor4D, v: Tensor4D): Tensor4D {
    const [batch, heads, tokens, headDim] = q.shape;
    const [height, width] = this.#window;
    const size = height * width;
    const windows = tokens / size;
    return tf.tidy(() => {
      const [queries, keys, values] = [q, k, v].map((x) => this.#partition(this.#roll(x, 1)));
      const products = tf.mul(tf.matMul(queries!, keys!, false, true), this.#scale);
      // [B, M, windows, size size]: one bias for all windows, and one mask for all heads.
      let scores: Tensor = tf.reshape(products, [batch, heads, windows, size * size]);
      scores = tf.add(scores, this.#biases());
      if (this.#isShifted()) scores = tf.add(scores, tf.tensor(this.#hidden(), [windows, size * size]));
      const probabilities = tf.softmax(tf.reshape(scores, [batch, heads * windows, size, size]));
      return this.#roll(this.#merge(tf.matMul(probabilities, values!), [batch, heads, tokens, headDim]), -1);
    });
  }

  #isShifted(): boolean {
    return this.#shift.some((by) => by > 0);
  }

  /** Shifts the grid of `[B, M, N, headDim]` towards its first token, or back. */
  #roll(x: Tensor4D, direction: 1 | -1): Tensor4D {
    const [batch, heads, , headDim] = x.shape;
    const [rows, columns] = this.#grid;
    const [down, right] = this.#shift.map((by, axis) => (by === 0 || direction === 1 ? by : this.#grid[axis]! - by));
    const byRows = roll(tf.reshape(x, [batch * heads, rows, columns * headDim]), down!);
    return tf.reshape(roll(tf.reshape(byRows, [batch * heads * rows, columns, headDim]), right!), x.shape);
  }

  /** Maps `[B, M, N, headDim]` to `[B, M windows, size, headDim]`. */
  #partition(x: Tensor4D): Tensor4D {
    const [batch, heads, tokens, headDim] = x.shape;
    const [height, width] = this.#window;
    const columns = this.#grid[1] / width;
    const strips = tf.reshape(x, [
      (batch * heads * tokens) / (height * columns * width),
      height,
      columns,
      width * headDim,
    ]);
    const size = height * width;
    return tf.reshape(tf.transpose(strips, [0, 2, 1, 3]), [batch, heads * (tokens / size), size, headDim]);
  }

  /** Maps `[B, M windows, size, headDim]` back to `[B, M, N, headDim]`. */
  #merge(x: Tensor, shape: [number, number, number, number]): Tensor4D {
    const [batch, heads, tokens, headDim] = shape;
    const [height, width] = this.#window;
    const columns = this.#grid[1] / width;
    const strips = tf.reshape(x, [
      (batch * heads * tokens) / (height * columns * width),
      columns,
      height,
      width * headDim,
    ]);
    return tf.reshape(tf.transpose(strips, [0, 2, 1, 3]), shape);
  }

  /** Returns the biases of all pairs of tokens of a window, `[M, 1, size size]`. */
  #biases(): Tensor {
    this.#places ??= relativePlaces(this.#window);
    const pairs = this.#places.length;
    const rows: Tensor2D = tf.gather(this.#bias, tf.tensor1d(this.#places, 'int32'));
    return tf.reshape(tf.transpose(rows), [this.#numHeads, 1, pairs]);
  }

  #hidden(): Float32Array {
    return (this.#mask ??= shiftMask(this.#grid, this.#window, this.#shift));
  }
}

/** Rotates axis 1 of `[*, length, *]` so that the row `by` comes first. */
function roll(x: tf.Tensor3D, by: number): tf.Tensor3D {
  if (by === 0) return x;
  const [count, length, width] = x.shape;
  return tf.concat(
    [tf.slice(x, [0, by, 0], [count, length - by, width]), tf.slice(x, [0, 0, 0], [count, by, width])],
    1,
  );
}

/**
 * Returns the row of the table of biases for each pair of tokens of a window, query by query: a row
 * of the table for each difference of rows, column by column.
 */
function relativePlaces([height, width]: Pair): Int32Array {
  const size = height * width;
  const places = allocate([size, size], 'WindowedAttention', (count) => new Int32Array(count));
  for (let query = 0; query < size; query++) {
    for (let key = 0; key < size; key++) {
      const down = Math.floor(query / width) - Math.floor(key / width) + height - 1;
      const right = (query % width) - (key % width) + width - 1;
      places[query * size + key] = down * (2 * width - 1) + right;
    }
  }
  return places;
}

/**
 * Returns what is added to the scores within shifted windows, `[windows, size, size]`: 0 where both
 * tokens come from the same side of the edge at which the shift joins the grid, -1e9 elsewhere.
 */
function shiftMask(grid: Pair, window: Pair, shift: Pair): Float32Array {
  const [height, width] = window;
  const size = height * width;
  const columns = grid[1] / width;
  const windows = (grid[0] / height) * columns;
  const mask = allocate([windows, size, size], 'WindowedAttention', (count) => new Float32Array(count));
  const isBehind = (position: number, axis: 0 | 1): boolean => shift[axis] > 0 && position >= grid[axis] - shift[axis];
  for (let at = 0; at < windows; at++) {
    const sides = Array.from({ length: size }, (_, token) => {
      const row = Math.floor(at / columns) * height + Math.floor(token / width);
      const column = (at % columns) * width + (token % width);
      return 2 * Number(isBehind(row, 0)) + Number(isBehind(column, 1));
    });
    for (let query = 0; query < size; query++) {
      for (let key = 0; key < size; key++) {
        if (sides[query] !== sides[key]) mask[(at * size + query) * size + key] = hiddenScore;
      }
    }
  }
  return mask;
}

/** Returns the shift of every second block: half a window, none along an axis that one spans. */
function shiftOf(window: Size2D, grid: Pair): Pair {
  const along = (axis: 0 | 1): number =>
    toSize2D(window)[axis] === grid[axis] ? 0 : Math.floor(toSize2D(window)[axis] / 2);
  return [along(0), along(1)];
}

const schema = z.strictObject({
  /** Rows and columns of a window. */
  window: z
    .union([integer(2), z.tuple([integer(1), integer(1)]).readonly()])
    .refine((window) => typeof window === 'number' || window.some((side) => side !== 1), {
      error: 'expected a window of several tokens',
    }),
  /** Whether every second block shifts its windows by half of one. @default true */
  shift: z.boolean().optional(),
});

/** Row of the kind `windowed`. */
export const windowedKind = {
  schema,
  equalsFull: false,
  problem: ({ window, shift }, { grid, depth }) => {
    if (toSize2D(window).some((side, axis) => grid[axis]! % side !== 0)) {
      return `a window that divides the grid of ${grid.join('x')} tokens`;
    }
    if (!shift) return undefined;
    if (depth === 1) return 'a second block, whose windows would be shifted, or without shift';
    return shiftOf(window, grid).every((by) => by === 0) ? 'a window that can be shifted, or without shift' : undefined;
  },
  create: ({ window, shift = true }, setting) => {
    const grid = gridOf(setting, 'windowed');
    return new WindowedAttention({
      ...setting,
      grid,
      window: toSize2D(window),
      shift: shift && setting.blockIndex % 2 === 1 ? shiftOf(window, grid) : [0, 0],
    });
  },
} satisfies AttentionKind<typeof schema>;
