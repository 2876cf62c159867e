import * as tf from '@tensorflow/tfjs-core';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { assertImages, checkOptions, ConfigError, DataError, type HostImages, type OptionTable } from '@vitvq/core';
import { bytesOfImages } from '../extractors/internal/bytes-of-images.js';
import { normalizePixels, type PixelStatistics } from '../extractors/internal/normalize-pixels.js';
import { resizeImages } from '../extractors/internal/resize-images.js';
import type { ImageTextVectors } from './image-text-vectors.js';
import { markedTokens, type TextEncoder } from './marked-tokens.js';

/** Options of {@link openOnnxVectors}. */
export interface OnnxVectorsOptions {
  /**
   * ONNX file of the image tower: float32 `[B, 3, S, S]`, normalised, to vectors `[B, E]` (the
   * output `image_embeds`, or the first of rank 2).
   */
  readonly image: string;
  /**
   * ONNX file of the text tower: tokens int64 `[B, N]` (`input_ids`, with `attention_mask` where it
   * asks for one) to vectors `[B, E]` (`text_embeds`, or the first output of rank 2).
   * @default none: there are no vectors of texts
   */
  readonly text?: string;
  /** Tokenizer of the text tower; needed with `text`. */
  readonly tokenizer?: TextEncoder;
  /** Tokens of a text. @default 77, as CLIP */
  readonly textLength?: number;
  /** Side of the images, S. @default what the file says, or 224 */
  readonly inputSize?: number;
  /** Statistics that pixels are normalised with. @default CLIP's */
  readonly statistics?: PixelStatistics;
}

const optionNames: OptionTable<OnnxVectorsOptions> = {
  image: 'required',
  text: 'optional',
  tokenizer: 'optional',
  textLength: 'optional',
  inputSize: 'optional',
  statistics: 'optional',
};

const where = 'openOnnxVectors';

/** Means and standard deviations of the images that CLIP was trained on. */
const clipStatistics: PixelStatistics = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
};

/**
 * Opens ONNX files of a network of images and texts, such as the `vision_model.onnx` and
 * `text_model.onnx` that exporters write of a CLIP. Images are resized and cut as CLIP's own
 * preprocessing does. Runs on the CPU with onnxruntime-node, which has to be installed.
 * @throws {ConfigError} for towers whose vectors differ in width, or texts without a tokenizer
 * @throws {DataError} for files that cannot be read, or are no such towers
 */
export async function openOnnxVectors(options: OnnxVectorsOptions): Promise<ImageTextVectors> {
  const {
    image,
    text,
    tokenizer,
    textLength = 77,
    statistics = clipStatistics,
    ...rest
  } = checkOptions(options, optionNames, where);
  if (text !== undefined && tokenizer === undefined) {
    throw new ConfigError({ where, expected: 'a tokenizer for the text tower', got: 'none' });
  }
  const hash = createHash('sha256');
  const images = await Tower.open(image, hash);
  const texts = text === undefined ? undefined : await Tower.open(text, hash);
  try {
    const size = rest.inputSize ?? images.side ?? 224;
    hash.update(JSON.stringify({ size, statistics, textLength }));
    const ofImages = async (given: HostImages): Promise<{ width: number; data: Float32Array }> => {
      assertImages(given, where);
      const pixels = preparedPixels(given, size, statistics);
      return images.run({ [images.first]: { data: pixels, dims: [given.shape[0], 3, size, size] } });
    };
    const ofTexts = async (given: readonly string[]): Promise<{ width: number; data: Float32Array }> => {
      const data = markedTokens(tokenizer!, given, textLength);
      const dims = [given.length, textLength];
      const mask = { attention_mask: { data: new Int32Array(data.length).fill(1), dims } };
      const name = texts!.takes('input_ids') ? 'input_ids' : texts!.first;
      return texts!.run({ [name]: { data, dims }, ...(texts!.takes('attention_mask') && mask) });
    };
    const black = { data: new Float32Array(size * size * 3), shape: [1, size, size, 3] as const };
    const { width } = await ofImages(black);
    const widthOfTexts = texts && (await ofTexts([''])).width;
    if (widthOfTexts !== undefined && widthOfTexts !== width) {
      throw new ConfigError({
        where,
        expected: `towers of one network, with vectors of ${width} numbers`,
        got: `${widthOfTexts} numbers of texts`,
      });
    }
    return {
      name: [image, ...(text === undefined ? [] : [text])].map((file) => basename(file)).join(' and '),
      hash: hash.digest('hex'),
      width,
      ofImages: async (given) => (await ofImages(given)).data,
      ofTexts: texts && (async (given) => (await ofTexts(given)).data),
      dispose: async () => {
        await images.release();
        await texts?.release();
      },
    };
  } catch (error) {
    await images.release();
    await texts?.release();
    throw error;
  }
}

/** Returns `[B, 3, S, S]`, normalised. */
function preparedPixels({ data, shape }: HostImages, size: number, statistics: PixelStatistics): Float32Array {
  return tf.tidy(() => {
    const bytes = bytesOfImages(tf.tensor4d(data, [...shape]), where);
    const rule = { filter: 'bicubic-bytes', crop: 'center', shortSide: size } as const;
    const pixels = normalizePixels(resizeImages(bytes, [size, size], rule), statistics);
    return Float32Array.from(tf.transpose(pixels, [0, 3, 1, 2]).dataSync());
  });
}

/** What a session is fed. */
interface Feed {
  readonly data: Float32Array | Int32Array;
  readonly dims: readonly number[];
}

/** One file, loaded. */
class Tower {
  readonly #file: string;
  readonly #session: InferenceSession;
  readonly #tensor: typeof Tensor;

  private constructor(file: string, session: InferenceSession, tensor: typeof Tensor) {
    this.#file = file;
    this.#session = session;
    this.#tensor = tensor;
  }

  /** @param hash  takes the content of the file */
  static async open(file: string, hash: { update(content: Uint8Array): unknown }): Promise<Tower> {
    const runtime = await import('onnxruntime-node').catch((cause: unknown) => {
      const fix = 'Install it: npm install onnxruntime-node.';
      throw new ConfigError({ where, expected: 'onnxruntime-node', got: 'none', fix }, { cause });
    });
    try {
      const content = await readFile(file);
      hash.update(content);
      // By its name, since weights may lie beside it. Only errors are logged.
      const session = await runtime.InferenceSession.create(file, { logSeverityLevel: 3 });
      return new Tower(file, session, runtime.Tensor);
    } catch (cause) {
      throw new DataError({ where: file, expected: 'an ONNX file', got: (cause as Error).message }, { cause });
    }
  }

  /** Name of the first input. */
  get first(): string {
    return this.#session.inputNames[0]!;
  }

  /** Side of the images that the file asks for; undefined where it takes any. */
  get side(): number | undefined {
    const side = this.#metadataOf(this.first)?.shape.at(-1);
    return typeof side === 'number' && side > 0 ? side : undefined;
  }

  takes(input: string): boolean {
    return this.#session.inputNames.includes(input);
  }

  /** Returns the vectors. @throws {DataError} for an output that is none, or a run that fails */
  async run(feeds: Readonly<Record<string, Feed>>): Promise<{ width: number; data: Float32Array }> {
    const tensors = Object.entries(feeds).map(([name, { data, dims }]) => {
      if (data instanceof Float32Array) return [name, new this.#tensor('float32', data, dims)];
      const isWide = this.#metadataOf(name)?.type !== 'int32';
      return [
        name,
        isWide
          ? new this.#tensor('int64', BigInt64Array.from(data, BigInt), dims)
          : new this.#tensor('int32', data, dims),
      ];
    });
    let outputs: InferenceSession.OnnxValueMapType;
    try {
      outputs = await this.#session.run(Object.fromEntries(tensors) as InferenceSession.FeedsType);
    } catch (cause) {
      const [expected, got] = [`to run on ${Object.keys(feeds).join(', ')}`, (cause as Error).message];
      throw new DataError({ where: this.#file, expected, got }, { cause });
    }
    const named = outputs['image_embeds'] ?? outputs['text_embeds'];
    const found = named ?? Object.values(outputs).find(({ dims, type }) => dims.length === 2 && type === 'float32');
    if (found?.type !== 'float32' || found.dims.length !== 2) {
      const got = Object.entries(outputs)
        .map(([name, { type, dims }]) => `${name} ${type} [${dims.join(', ')}]`)
        .join(', ');
      throw new DataError({ where: this.#file, expected: 'an output of float32 vectors [B, E]', got });
    }
    return { width: found.dims[1]!, data: Float32Array.from(found.data as Float32Array) };
  }

  #metadataOf(input: string): InferenceSession.TensorValueMetadata | undefined {
    const found = this.#session.inputMetadata.find(({ name }) => name === input);
    return found?.isTensor ? found : undefined;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
