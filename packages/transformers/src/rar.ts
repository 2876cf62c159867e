import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  checkOptions,
  foldIn,
  formatShape,
  Module,
  normalInitializer,
  ShapeError,
  split,
  tidied,
  type RandomKey,
} from '@vitvq/core';
import {
  activate,
  AdaLNBlock,
  attentionMask,
  CacheStep,
  createModulation,
  dropoutMasksUnder,
  emptyCache,
  Linear,
  modulated,
  pick,
  prefixDropoutSites,
  weightStddev,
  type AddedSlots,
  type AttentionForward,
  type DropoutMasks,
  type DropoutSite,
  type KVCache,
} from '@vitvq/layers';
import type { ChooseToken, PermutedLogitsOptions, PermutedModel, SamplingStep } from './autoregressive-model.js';
import type { Conditions } from './token-model.js';
import { rarConfig, rarOptionNames, type RARConfig, type RAROptions } from './rar-config.js';

/** Positions before the image: a learned start, then the condition. */
const prefix = 2;

const epsilon = 1e-6;

/** What every stage made of a sequence. */
interface Forward {
  /** Input of the first block, `[B, T, D]`. */
  readonly embedded: Tensor3D;
  readonly blocks: readonly AttentionForward[];
  /** `[B, T, D]`, after the last norm. */
  readonly output: Tensor3D;
  /** Embedded condition `[B, D]`. */
  readonly condition: Tensor2D;
}

/**
 * Decoder-only transformer that is trained on random orders of the tokens and sampled in raster
 * order (RAR: Yu et al. 2024, arXiv:2411.00776, sections 3.2 and 3.3). Each input carries a second
 * position, that of the token which it predicts, so that orders can be told apart. The class is a
 * token of the sequence, and it shifts and scales the norms of every block, together with a vector
 * of the place in the sequence (adaLN). The place in the sequence counts inputs, a position counts
 * the grid.
 *
 * Variables: `embedding.start` `[D]`, `embedding.conditions` `[Vc, D]`, `embedding.tokens`
 * `[V, D]`, `embedding.positions` `[N + 2, D]` (of start, condition and grid),
 * `embedding.targetPositions` `[N, D]`, `embedding.steps` `[N + 2, D]`, `blocks.0.…`,
 * `modulation.…`, `head.weight` `[D, V]` and `head.bias`. Weights start as N(0, 0.02²) (the authors
 * cut it off at ±2, which is 100 standard deviations), modulations, biases and start as 0.
 */
export class RAR extends Module implements PermutedModel {
  /** Names the kind of model in a model folder. */
  readonly type = 'rar';
  readonly codeDepth = 1;
  readonly conditionLength = 1;
  readonly prefixLength = prefix;
  readonly takesOrders = true;
  /** What it is built from, with the defaults of what was not said. */
  readonly config: RARConfig;
  readonly #start: Variable<tf.Rank.R1>;
  readonly #conditions: Variable<tf.Rank.R2> | undefined;
  readonly #tokens: Variable<tf.Rank.R2>;
  readonly #positions: Variable<tf.Rank.R2>;
  readonly #targetPositions: Variable<tf.Rank.R2>;
  readonly #steps: Variable<tf.Rank.R2>;
  readonly #blocks: readonly AdaLNBlock[];
  readonly #modulation: Linear;
  readonly #head: Linear;

  constructor(given: RAROptions) {
    super();
    const { key, ...options } = checkOptions(given, rarOptionNames, 'RAR', { allowOthers: true });
    const config = rarConfig(options);
    this.config = config;
    const { vocabSize, conditionVocabSize, dim, depth } = config;
    const [blockKey, headKey, modulationKey, ...tableKeys] = split(key, 8) as [RandomKey, RandomKey, RandomKey];
    const initializer = normalInitializer(weightStddev);
    const table = (name: string, index: number, rows: number): Variable<tf.Rank.R2> =>
      this.variable<tf.Rank.R2>(`embedding.${name}`, initializer((tableKeys as RandomKey[])[index]!, [rows, dim]));
    this.#start = this.variable<tf.Rank.R1>('embedding.start', { shape: [dim], data: new Float32Array(dim) });
    this.#conditions = conditionVocabSize === undefined ? undefined : table('conditions', 0, conditionVocabSize);
    this.#tokens = table('tokens', 1, vocabSize);
    this.#positions = table('positions', 2, prefix + this.#length);
    this.#targetPositions = table('targetPositions', 3, this.#length);
    this.#steps = table('steps', 4, prefix + this.#length);
    this.#blocks = Array.from({ length: depth }, (_, index) =>
      this.child(`blocks.${index}`, new AdaLNBlock({ ...config, normEpsilon: epsilon, key: foldIn(blockKey, index) })),
    );
    this.#modulation = this.child('modulation', createModulation(dim, 2, modulationKey));
    this.#head = this.child('head', new Linear({ inFeatures: dim, outFeatures: vocabSize, initializer, key: headKey }));
  }

  get vocabSize(): number {
    return this.config.vocabSize;
  }
  get grid(): readonly [number, number] {
    return this.config.grid;
  }
  get conditionVocabSize(): number | undefined {
    return this.config.conditionVocabSize;
  }
  get dim(): number {
    return this.config.dim;
  }

  /** `embedding`, `blocks.0` and so on, `norm`. */
  get featureNames(): readonly string[] {
    return ['embedding', ...this.#blocks.map((_, index) => `blocks.${index}`), 'norm'];
  }

  /**
   * Logits `[B, N, V]` of every token given the ones before it in the order.
   * @param conditions  int32 `[B, 1]` or embeddings `[B, 1, D]`
   * @param tokens  int32 `[B, N]` by position, whatever the order
   * @throws {ShapeError} when there are more tokens than positions, or fewer and an order
   */
  logits(conditions: Conditions, tokens: Tensor2D, { dropoutMasks, orders }: PermutedLogitsOptions = {}): Tensor3D {
    this.#assertTokens(tokens);
    const [batch, count] = tokens.shape;
    if (orders) assertShape(orders, [batch, this.#length], 'RAR.logits orders');
    if (orders && count < this.#length) {
      throw new ShapeError({
        where: 'RAR.logits',
        expected: `all ${this.#length} tokens with an order`,
        got: formatShape(tokens.shape),
      });
    }
    return tf.tidy(() => {
      const ordered = orders ? inOrder(tokens, orders) : tokens;
      const before = count === 1 ? undefined : tf.slice(ordered, [0, 0], [batch, count - 1]);
      const { output } = this.#forward(conditions, before, orders, dropoutMasks);
      const predictors = tf.slice(output, [0, prefix - 1, 0], [batch, count, this.dim]);
      return this.#head.apply(orders ? inOrder(predictors, inverseOf(orders)) : predictors);
    });
  }

  features(conditions: Conditions, tokens: Tensor2D): Record<string, Tensor3D> {
    this.#assertTokens(tokens);
    return tf.tidy(() => {
      const { embedded, blocks, output } = this.#forward(conditions, tokens);
      const stages = [embedded, ...blocks.map((block) => block.output), output];
      return Object.fromEntries(
        this.featureNames.map((name, index) => [name, tf.slice(stages[index]!, [0, prefix, 0], [-1, -1, -1])]),
      );
    });
  }

  dropoutSites(batchSize: number, tokens = this.#length): Record<string, DropoutSite> {
    assertInteger(batchSize, 'batchSize', 'RAR.dropoutSites');
    return Object.assign(
      {},
      ...this.#blocks.map((block, index) =>
        prefixDropoutSites(block.dropoutSites(batchSize, prefix + tokens - 1), `blocks.${index}`),
      ),
    ) as Record<string, DropoutSite>;
  }

  /** Creates an empty KV cache; that of the first block holds the condition too. */
  emptyCache(batch: number, segments: readonly number[]): KVCache {
    const { blocks } = emptyCache({ blocks: this.#blocks }, batch, segments);
    return {
      blocks: blocks.map((cache, index) => (index === 0 ? { ...cache, before: tf.zeros([batch, this.dim]) } : cache)),
    };
  }

  prefill(conditions: Conditions, given: Tensor3D | undefined, count: Scalar): SamplingStep {
    return tidied(() => {
      const { blocks, output, condition } = this.#forward(conditions, given && tf.squeeze<Tensor2D>(given, [2]));
      const last = tf.add<Scalar>(count, tf.scalar(prefix - 1, 'int32'));
      const added = blocks.map(({ keys, values }, index): AddedSlots => ({
        before: index === 0 ? condition : undefined,
        keys,
        values,
      }));
      return { hidden: pick(output, last, 1) as Tensor2D, added };
    });
  }

  decodeStep(tokens: Tensor2D, count: Scalar, cache: KVCache): SamplingStep {
    return tidied(() => {
      // The token of position count - 1 comes after start, condition and count - 1 tokens.
      const slot = tf.add<Scalar>(count, tf.scalar(prefix - 1, 'int32'));
      const view = new CacheStep(cache, slot);
      const condition = tf.clone(cache.blocks[0]!.before!);
      const modulation = activate(tf.add<Tensor2D>(condition, pick(this.#steps, slot, 0)), 'silu');
      const vector = tf.add(lookUp(this.#tokens, tf.squeeze(tokens, [1])), pick(this.#positions, slot, 0));
      let x = tf.add<Tensor2D>(vector, pick(this.#targetPositions, count, 0));
      const added: AddedSlots[] = [];
      for (const [index, block] of this.#blocks.entries()) {
        const { remember, added: addedTo } = view.of(cache.blocks[index]!);
        x = block.decodeStep(x, modulation, remember);
        added.push(addedTo(condition));
      }
      return { hidden: this.#norm(x, modulation), added };
    });
  }

  predict(hidden: Tensor2D, choose: ChooseToken): Tensor2D {
    return tf.expandDims(choose(this.#head.apply(hidden), 0), 1);
  }

  /** Number of positions N. */
  get #length(): number {
    return this.grid[0] * this.grid[1];
  }

  /**
   * Start, condition and n tokens through all blocks.
   * @param tokens  int32 `[B, n]` in their order
   * @param orders  int32 `[B, N]`. @default raster order
   */
  #forward(
    conditions: Conditions,
    tokens: Tensor2D | undefined,
    orders?: Tensor2D,
    dropoutMasks?: DropoutMasks,
  ): Forward {
    const embedded = this.#embedCondition(conditions); // [B, 1, D]
    const [batch, , dim] = embedded.shape;
    const count = tokens?.shape[1] ?? 0;
    if (tokens && tokens.shape[0] !== batch) {
      throw new ShapeError({
        where: 'RAR',
        expected: 'conditions and tokens of as many images',
        got: `${batch} and ${tokens.shape[0]}`,
      });
    }
    const length = prefix + count;
    const start = tf.tile(tf.reshape<tf.Rank.R3>(this.#start, [1, 1, dim]), [batch, 1, 1]);
    const vectors = tf.concat([start, embedded, ...(tokens ? [lookUp<Tensor3D>(this.#tokens, tokens)] : [])], 1);
    const x = tf.add<Tensor3D>(vectors, this.#positionsOf(count, orders));
    const condition = tf.squeeze<Tensor2D>(embedded, [1]);
    const steps = tf.slice(this.#steps, [0, 0], [length, dim]);
    const modulation = activate(tf.add<Tensor3D>(embedded, steps), 'silu'); // [B, T, D]
    const mask = attentionMask(length);
    const blocks: AttentionForward[] = [];
    for (const [index, block] of this.#blocks.entries()) {
      const input = blocks.at(-1)?.output ?? x;
      blocks.push(block.apply(input, modulation, mask, dropoutMasksUnder(dropoutMasks, `blocks.${index}`)));
    }
    return { embedded: x, blocks, output: this.#norm(blocks.at(-1)!.output, modulation), condition };
  }

  /**
   * Positions of start, condition and n tokens, and those that they predict, `[T, D]`, or
   * `[B, T, D]` with orders. Start predicts none, and neither does the last of all tokens.
   */
  #positionsOf(count: number, orders: Tensor2D | undefined): Tensor {
    const { dim } = this;
    const targets = Math.min(count + 1, this.#length);
    const missing = count + 1 - targets;
    if (!orders) {
      const predicted = tf.pad(tf.slice(this.#targetPositions, [0, 0], [targets, dim]), [
        [1, missing],
        [0, 0],
      ]);
      return tf.add(tf.slice(this.#positions, [0, 0], [prefix + count, dim]), predicted);
    }
    const [batch] = orders.shape;
    const own = tf.tile(tf.expandDims(tf.slice(this.#positions, [0, 0], [prefix, dim]), 0), [batch, 1, 1]);
    const ofGrid = tf.slice(this.#positions, [prefix, 0], [this.#length, dim]);
    const seen = tf.slice(orders, [0, 0], [batch, count]);
    const positions = tf.concat([own, lookUp<Tensor3D>(ofGrid, seen)], 1);
    const next = lookUp<Tensor3D>(this.#targetPositions, tf.slice(orders, [0, 0], [batch, targets]));
    const predicted = tf.pad(next, [
      [0, 0],
      [1, missing],
      [0, 0],
    ]);
    return tf.add(positions, predicted);
  }

  /** Last norm, without weights of its own, scaled and shifted by the condition. */
  #norm<T extends Tensor>(x: T, modulation: T): T {
    const centered = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centered), -1, true);
    const normalized = tf.mul<T>(centered, tf.rsqrt(tf.add(variance, epsilon)));
    // In this order, unlike that of the blocks.
    const [scale, shift] = tf.split(this.#modulation.apply(modulation), 2, -1) as [Tensor, Tensor];
    return modulated(normalized, { scale, shift });
  }

  /** Conditions to `[B, 1, D]`. @throws {ShapeError} */
  #embedCondition(conditions: Conditions): Tensor3D {
    if (conditions.rank === 3) {
      assertShape(conditions, ['B', 1, this.dim], 'RAR', 'These are embeddings of the conditions.');
      return conditions as Tensor3D;
    }
    if (!this.#conditions) {
      throw new ShapeError({
        where: 'RAR',
        expected: `condition embeddings ${formatShape(['B', 1, this.dim])}`,
        got: formatShape(conditions.shape),
        fix: 'Give the model a conditionVocabSize to embed condition tokens itself.',
      });
    }
    assertShape(conditions, ['B', 1], 'RAR', 'These are condition tokens, such as one class an image.');
    return lookUp(this.#conditions, conditions);
  }

  /** Throws unless tokens are `[B, n]` with 1 <= n <= N. @throws {ShapeError} */
  #assertTokens(tokens: Tensor): void {
    assertShape(tokens, ['B', 'N'], 'RAR');
    const count = tokens.shape[1]!;
    if (count >= 1 && count <= this.#length) return;
    throw new ShapeError({
      where: 'RAR',
      expected: `1 to ${this.#length} tokens an image, the positions of a grid of ${this.grid.join('x')}`,
      got: `${count} tokens, ${formatShape(tokens.shape)}`,
      fix: 'Give the model the grid of the tokenizer.',
    });
  }
}

/** Rows of a table: int32 `[..]` to `[.., D]`. */
function lookUp<T extends Tensor>(table: Tensor2D, indices: Tensor): T {
  return tf.gather(table, indices) as T;
}

/** Entries `[B, N, ..]` of axis 1 in an order of each image, int32 `[B, N]`. */
function inOrder<T extends Tensor>(x: T, orders: Tensor2D): T {
  const [batch, count, ...rest] = x.shape as [number, number, ...number[]];
  const starts = tf.mul(tf.range(0, batch, 1, 'int32'), tf.scalar(count, 'int32'));
  const rows = tf.add(orders, tf.expandDims(starts, 1));
  const flat: Tensor = tf.reshape(x, [batch * count, ...rest]);
  return tf.gather(flat, rows) as T;
}

/** For each position, when it comes: the inverse of each order, int32 `[B, N]`. */
function inverseOf(orders: Tensor2D): Tensor2D {
  const range = tf.range(0, orders.shape[1], 1, 'int32');
  const comes = tf.equal(tf.expandDims(orders, 1), tf.reshape(range, [1, -1, 1])); // [B, position, n]
  return tf.sum(tf.mul(tf.cast(comes, 'int32'), range), -1);
}
