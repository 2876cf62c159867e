import { extname } from 'node:path';
import { FeatureConditioner } from '@vitvq/codes';
import { DataError, type HostImages, type ImageBatch, type RandomKey } from '@vitvq/core';
import type { ImageDataset } from '@vitvq/data';
import { extractorVectors, loadFeatureExtractor, openOnnxVectors, type ImageTextVectors } from '@vitvq/evaluation';
import { readTextTokenizer } from '@vitvq/transformers/node';
import type { FeatureConditionConfig } from './config/run-config.js';
import { captionsOf, textOf } from './captions.js';

/** What a run's vectors of images or texts are made of, and the layer that embeds them. */
export class NetworkConditioner extends FeatureConditioner {
  readonly vectors: ImageTextVectors;
  /** Whether the run learns from the vectors of captions instead of those of images. */
  readonly isOfCaptions: boolean;
  readonly #options: NetworkConditionerOptions;

  constructor(options: NetworkConditionerOptions) {
    const { vectors, condition, dim, key, vectorsOf } = options;
    const { name, hash, width } = vectors;
    const features = { name, hash, of: condition.of };
    super({ width, length: condition.length, dim, key, features, vectorsOf });
    this.vectors = vectors;
    this.isOfCaptions = condition.of === 'captions';
    this.#options = options;
  }

  /**
   * Returns a conditioner like this one that knows the vectors of a source's images; its weights
   * are its own.
   */
  ofSource(source: Pick<ImageDataset, 'name' | 'captions'>): NetworkConditioner {
    if (!this.isOfCaptions) {
      const ofImages = ({ images: data, shape }: ImageBatch): Promise<Float32Array> =>
        this.vectors.ofImages({ data, shape: shape as HostImages['shape'] });
      return new NetworkConditioner({ ...this.#options, vectorsOf: ofImages });
    }
    const captions = captionsOf(source);
    const ofTexts = ({ indices, shape }: ImageBatch): Promise<Float32Array> => {
      // Padding is at no place.
      const texts = Array.from({ length: shape[0]! }, (_, row) => captions[indices![row]!]);
      return this.ofTexts(texts.map((caption) => (caption === undefined ? '' : textOf(caption))));
    };
    return new NetworkConditioner({ ...this.#options, vectorsOf: ofTexts });
  }

  /** Returns vectors of texts. @throws {DataError} where the run has no network of texts */
  ofTexts(texts: readonly string[]): Promise<Float32Array> {
    if (this.vectors.ofTexts !== undefined) return this.vectors.ofTexts(texts);
    throw new DataError({
      where: 'transformer.condition',
      expected: 'a network that knows texts, and its tokenizer',
      got: `${this.vectors.name}, of images alone`,
      fix: 'Name the tokenizer.json of a CLIP in tokenizer, and for ONNX files the text tower in textNetwork.',
    });
  }
}

interface NetworkConditionerOptions {
  readonly vectors: ImageTextVectors;
  readonly condition: Required<Pick<FeatureConditionConfig, 'of' | 'length'>>;
  /** Width of the transformer. */
  readonly dim: number;
  readonly key: RandomKey;
  readonly vectorsOf?: (batch: ImageBatch) => Promise<Float32Array>;
}

/** Frees what {@link openNetworkConditioner} opened: the layer, and the network behind it. */
export function closeNetworkConditioner(conditioner: NetworkConditioner): void {
  conditioner.dispose();
  void conditioner.vectors.dispose();
}

/**
 * Opens the network that a config names: a folder of `vitvq import-features`, or ONNX files. The
 * caller disposes of the vectors.
 * @throws {DataError} @throws {ConfigError}
 */
async function openVectors({
  network,
  textNetwork,
  tokenizer: file,
}: FeatureConditionConfig): Promise<ImageTextVectors> {
  const tokenizer = file === undefined ? undefined : await readTextTokenizer(file);
  if (extname(network) === '.onnx') return openOnnxVectors({ image: network, text: textNetwork, tokenizer });
  const extractor = await loadFeatureExtractor(network);
  try {
    const vectors = await extractorVectors(extractor, tokenizer);
    return {
      ...vectors,
      dispose: async () => {
        await vectors.dispose();
        extractor.dispose();
      },
    };
  } catch (error) {
    extractor.dispose();
    throw error;
  }
}

/**
 * Opens the network that a config names, and a conditioner of its vectors for a transformer. The
 * caller closes it with {@link closeNetworkConditioner}.
 */
export async function openNetworkConditioner(
  condition: FeatureConditionConfig & Required<Pick<FeatureConditionConfig, 'of' | 'length'>>,
  dim: number,
  key: RandomKey,
): Promise<NetworkConditioner> {
  return new NetworkConditioner({ vectors: await openVectors(condition), condition, dim, key });
}
