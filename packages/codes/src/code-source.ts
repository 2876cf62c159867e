import {
  assertInteger,
  assertOneOf,
  checkOptions,
  ConfigError,
  foldIn,
  permutation,
  randomInts,
  split,
  tokensShapeOf,
  type BatchSource,
  type CodeBatch,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import type { ShardFiles } from './internal/shard-files.js';
import type { ShardConfiguration } from './internal/shard.js';

/** Where the images of a view are. */
export interface CodeView {
  /** File names. */
  readonly shards: readonly string[];
  /** By image: which shard, and which row of it. */
  readonly shardOf: Uint32Array;
  readonly rowOf: Uint32Array;
}

/** What a {@link CodeSource} is built from; `openCodes` collects it. */
export interface CodeSourceParts {
  readonly configuration: ShardConfiguration;
  readonly files: ShardFiles;
  readonly views: readonly CodeView[];
  readonly labels: Int32Array | undefined;
  /** Positions of the images in their source. */
  readonly indices: Int32Array;
  readonly fingerprint: string;
}

/** Which batches {@link CodeSource.batches} gives, and in which order. */
export interface CodeBatchOptions {
  /** Images a batch. */
  readonly batchSize: number;
  /** A new order each epoch. @default false */
  readonly shuffle?: boolean;
  /** Decides the order, and with which view an image begins; needed to shuffle. */
  readonly key?: RandomKey;
  /**
   * What an epoch does with images that do not fill a batch: `drop` them (training), or `pad` the
   * batch with zeros (evaluation). @default 'drop'
   */
  readonly lastBatch?: 'drop' | 'pad';
  /** Passes over the images; after the last batch the stream ends. @default Infinity */
  readonly epochs?: number;
  /** Batches to pass over: the `position` of the stream to go on from. @default 0 */
  readonly startAt?: number;
}

const codeBatchOptionNames: OptionTable<CodeBatchOptions> = {
  batchSize: 'required',
  shuffle: 'optional',
  key: 'optional',
  lastBatch: 'optional',
  epochs: 'optional',
  startAt: 'optional',
};

/** Batches in order, without end unless `epochs` is given. Also an async iterable. */
export interface CodeBatchStream extends BatchSource<CodeBatch>, AsyncIterable<CodeBatch> {
  /** Batches handed out, counted from the very first. */
  readonly position: number;
  readonly batchesPerEpoch: number;
  readonly fingerprint: string;
}

/** Codes of images, in one or several augmented views. Safe to read by several streams at once. */
export class CodeSource {
  readonly #parts: CodeSourceParts;

  constructor(parts: CodeSourceParts) {
    this.#parts = parts;
  }

  get vocabSize(): number {
    return this.#parts.configuration.vocabSize;
  }
  get grid(): readonly [number, number] {
    return this.#parts.configuration.grid;
  }
  get codeDepth(): number {
    return this.#parts.configuration.codeDepth;
  }
  get views(): number {
    return this.#parts.configuration.views;
  }
  /** Images, each of which is there in every view. */
  get length(): number {
    return this.#parts.indices.length;
  }
  /** Class of each image; undefined where the images had none. */
  get labels(): Int32Array | undefined {
    return this.#parts.labels;
  }
  /** Differs when any shard does. */
  get fingerprint(): string {
    return this.#parts.fingerprint;
  }

  /**
   * A batch is a function of key, epoch and index alone. In epoch e an image shows view (v + e) mod
   * views, where v is drawn by the key (0 without one): each of its views comes once in so many
   * epochs.
   * @throws {ConfigError}
   */
  batches(options: CodeBatchOptions): CodeBatchStream {
    const where = 'CodeSource.batches';
    checkOptions(options, codeBatchOptionNames, where);
    const { batchSize, shuffle = false, key, lastBatch = 'drop', epochs = Infinity, startAt = 0 } = options;
    assertInteger(batchSize, 'batchSize', where);
    assertOneOf(lastBatch, ['drop', 'pad'], 'lastBatch', where);
    assertInteger(startAt, 'startAt', where, 0, Number.MAX_SAFE_INTEGER);
    if (epochs !== Infinity) assertInteger(epochs, 'epochs', where);
    if (shuffle && !key) {
      throw new ConfigError({ where, expected: 'a key to shuffle by', got: 'none', fix: 'Pass key: randomKey(seed).' });
    }
    const batchesPerEpoch =
      lastBatch === 'drop' ? Math.floor(this.length / batchSize) : Math.ceil(this.length / batchSize);
    if (batchesPerEpoch === 0) {
      throw new ConfigError({
        where,
        expected: `at least batchSize = ${batchSize} images`,
        got: String(this.length),
        fix: "Use a smaller batchSize, or lastBatch: 'pad'.",
      });
    }
    const plan = planner(this.length, this.views, shuffle, key);
    const end = epochs * batchesPerEpoch;
    const at = (position: number): Promise<CodeBatch> => {
      const { order, viewOf } = plan(Math.floor(position / batchesPerEpoch));
      const from = (position % batchesPerEpoch) * batchSize;
      const images = Array.from(order.subarray(from, from + batchSize));
      return this.#read(images, images.map(viewOf), batchSize);
    };
    let position = startAt;
    const { fingerprint } = this;
    return {
      batchesPerEpoch,
      fingerprint,
      get position() {
        return position;
      },
      next: async () => {
        if (position < end) return at(position++);
        throw new ConfigError({
          where,
          expected: `to be asked for ${end} batches`,
          got: 'one more',
          fix: 'Leave epochs out to train on them.',
        });
      },
      close: () => undefined,
      async *[Symbol.asyncIterator]() {
        while (position < end) yield await at(position++);
      },
    };
  }

  /** Closes the files; streams must not be read any more. */
  async close(): Promise<void> {
    await this.#parts.files.close();
  }

  async #read(images: readonly number[], views: readonly number[], batchSize: number): Promise<CodeBatch> {
    const { configuration, labels, indices } = this.#parts;
    const { conditioner } = configuration;
    const shape = tokensShapeOf(configuration, batchSize);
    const rows = { images, views, batchSize };
    const padded = (values: Int32Array | undefined): Int32Array | undefined => {
      if (!values) return undefined;
      const all = new Int32Array(batchSize).fill(-1);
      images.forEach((image, row) => (all[row] = values[image]!));
      return all;
    };
    return {
      shape,
      tokens: await this.#rows(
        'tokens',
        rows,
        shape.slice(1).reduce((a, b) => a * b, 1),
        Int32Array,
      ),
      ...(conditioner
        ? {
            conditions:
              'size' in conditioner
                ? await this.#rows('conditions', rows, conditioner.size, Float32Array)
                : await this.#rows('conditions', rows, conditioner.length, Int32Array),
            conditionedBy: conditioner.description,
          }
        : {}),
      ...(labels ? { labels: padded(labels) } : {}),
      indices: padded(indices),
      count: images.length,
    };
  }

  /** Rows of a tensor, file by file. */
  async #rows<T extends Int32Array | Float32Array>(
    tensor: string,
    { images, views, batchSize }: BatchRows,
    size: number,
    create: new (length: number) => T,
  ): Promise<T> {
    const byFile = new Map<string, number[]>();
    images.forEach((image, at) => {
      const view = this.#parts.views[views[at]!]!;
      const name = view.shards[view.shardOf[image]!]!;
      byFile.set(name, [...(byFile.get(name) ?? []), at]);
    });
    const values = new create(batchSize * size);
    for (const [name, places] of byFile) {
      const rows = places.map((at) => this.#parts.views[views[at]!]!.rowOf[images[at]!]!);
      const read = await this.#parts.files.read(name, tensor, rows, size, create);
      places.forEach((at, index) => values.set(read[index]!, at * size));
    }
    return values;
  }
}

/** Images of a batch, and the view that each shows. */
interface BatchRows {
  readonly images: readonly number[];
  readonly views: readonly number[];
  /** With padding. */
  readonly batchSize: number;
}

interface EpochPlan {
  readonly order: Uint32Array;
  readonly viewOf: (image: number) => number;
}

/** Order and views of an epoch, a pure function; the last one is kept. */
function planner(
  length: number,
  views: number,
  shuffle: boolean,
  key: RandomKey | undefined,
): (epoch: number) => EpochPlan {
  const [orderKey, viewKey] = key ? split(key) : [];
  const firstViews = viewKey ? randomInts(viewKey, length, views) : new Int32Array(length);
  const inOrder = Uint32Array.from({ length }, (_, image) => image);
  let last: { epoch: number; order: Uint32Array } | undefined;
  return (epoch) => {
    if (last?.epoch !== epoch) {
      last = { epoch, order: shuffle ? permutation(foldIn(orderKey!, epoch), length) : inOrder };
    }
    return { order: last.order, viewOf: (image) => (firstViews[image]! + epoch) % views };
  };
}
