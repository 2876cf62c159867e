import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import {
  ConfigError,
  DataError,
  ShapeError,
  assertImages,
  assertInteger,
  checkOptions,
  countOf,
  formatShape,
  type HostImages,
  type ImageOrCodeBatch,
  type OptionTable,
  type Tokenizer,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { Conditioner } from '@vitvq/transformers';

/** Options of a {@link CodeConditioner}. */
export interface CodeConditionerOptions {
  /** Not disposed of. */
  readonly tokenizer: Tokenizer;
  /** Codes a token of the tokenizer. @default what the tokenizer says, or 1 */
  readonly codeDepth?: number;
  /**
   * Factor by which images are reduced before they are encoded: each pixel becomes the mean of
   * `reduceBy` x `reduceBy` pixels.
   * @default 1
   */
  readonly reduceBy?: number;
}

const codeConditionerOptionNames: OptionTable<CodeConditionerOptions> = {
  tokenizer: 'required',
  codeDepth: 'optional',
  reduceBy: 'optional',
};

/**
 * Encodes another picture of the same scene with a tokenizer and gives its codes as condition
 * tokens: a segmentation map or a sketch (`conditionImages` of a batch), or the image itself at low
 * resolution. Tokens are in raster order, and the codes of one position follow each other. One more
 * token than the tokenizer has codes stands for no condition.
 *
 * Ownership: `dispose()` the conditioner; the tokenizer stays the caller's.
 */
export class CodeConditioner implements Conditioner {
  readonly length: number;
  readonly vocabSize: number;
  readonly #options: Required<CodeConditionerOptions>;
  readonly #encode: CompiledFunction<(images: Tensor4D) => tf.Tensor>;

  /** @throws {ConfigError} */
  constructor(options: CodeConditionerOptions) {
    const {
      tokenizer,
      codeDepth = tokenizer.codeDepth ?? 1,
      reduceBy = 1,
    } = checkOptions(options, codeConditionerOptionNames, 'CodeConditioner');
    assertInteger(codeDepth, 'codeDepth', 'CodeConditioner');
    assertInteger(reduceBy, 'reduceBy', 'CodeConditioner');
    this.#options = { tokenizer, codeDepth, reduceBy };
    this.length = tokenizer.grid[0] * tokenizer.grid[1] * codeDepth;
    this.vocabSize = tokenizer.vocabSize + 1;
    this.#encode = compile((images: Tensor4D): tf.Tensor => tokenizer.encode(images), {
      name: 'encode conditions',
      variables: 'frozen',
    });
  }

  get nullTokens(): Int32Array {
    return new Int32Array(this.length).fill(this.vocabSize - 1);
  }

  get description(): Readonly<Record<string, unknown>> {
    const { tokenizer, codeDepth, reduceBy } = this.#options;
    return { kind: 'codes', vocabSize: tokenizer.vocabSize, grid: tokenizer.grid, codeDepth, reduceBy };
  }

  /**
   * @throws {ShapeError} for images that cannot be reduced, or that give another number of codes
   */
  async encode(given: HostImages): Promise<Int32Array> {
    assertImages(given, 'CodeConditioner.encode');
    const { data, shape } = given;
    const reduced = reduce({ data, shape }, this.#options.reduceBy);
    const images = tf.tensor4d(reduced.data, [...reduced.shape]);
    let tokens: tf.Tensor | undefined;
    try {
      tokens = await this.#encode(images);
      if (tokens.size !== shape[0] * this.length) {
        throw new ConfigError({
          where: 'CodeConditioner',
          expected: `${this.length} condition tokens an image`,
          got: `codes ${formatShape(tokens.shape)}`,
          fix: 'Pass the codeDepth of the tokenizer.',
        });
      }
      return Int32Array.from(await tokens.data());
    } finally {
      tf.dispose([images, tokens] as tf.TensorContainer);
    }
  }

  async ofBatch(batch: ImageOrCodeBatch): Promise<Int32Array> {
    if (!('images' in batch)) {
      throw new DataError({
        where: 'CodeConditioner',
        expected: 'batches of images, or of codes with their conditions',
        got: 'codes without conditions',
        fix: 'Pass the conditioner to encodeToShards, which then keeps conditions beside the codes.',
      });
    }
    const { images, shape, conditionImages } = batch;
    const given = conditionImages ?? { data: images, shape: shape as HostImages['shape'] };
    if (given.shape[0] !== shape[0]) {
      throw new DataError({
        where: 'CodeConditioner',
        expected: `conditionImages for ${shape[0]!} images`,
        got: formatShape(given.shape),
      });
    }
    return (await this.encode(given)).slice(0, countOf(batch) * this.length);
  }

  dispose(): void {
    this.#encode.dispose();
  }
}

/** Means of `factor` x `factor` pixels. @throws {ShapeError} */
function reduce({ data, shape }: HostImages, factor: number): HostImages {
  if (factor === 1) return { data, shape };
  const [count, height, width, channels] = shape;
  if (height % factor !== 0 || width % factor !== 0) {
    throw new ShapeError({
      where: 'CodeConditioner',
      expected: `images of a height and width that ${factor} divides`,
      got: formatShape(shape),
    });
  }
  const [rows, columns] = [height / factor, width / factor];
  const reduced = new Float32Array(count * rows * columns * channels);
  for (let line = 0; line < count * height; line++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        const target = (Math.floor(line / factor) * columns + Math.floor(x / factor)) * channels + channel;
        reduced[target]! += data[(line * width + x) * channels + channel]! / factor ** 2;
      }
    }
  }
  return { data: reduced, shape: [count, rows, columns, channels] };
}
