import * as tf from '@tensorflow/tfjs-core';
import {
  assertMembers,
  checkOptions,
  concatenate,
  paddedBatches,
  randomKey,
  ShapeError,
  takeRows,
  type HostTokens,
  type OptionTable,
} from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { circumstancesOf, createCard, type Circumstances } from './cards/create-card.js';
import type { MetricCard } from './cards/metric-card.js';
import { bootstrapInterval } from './confidence-interval.js';
import type { EvaluationProgress } from './evaluate-images.js';
import type { FeatureExtractor } from './feature-extractor.js';
import { clipScore } from './features/clip-score.js';
import type { FeatureRows } from './features/feature-rows.js';
import { ImageSetHash } from './image-set-hash.js';
import { CompiledExtractor } from './internal/compiled-extractor.js';
import { readBatches, type OpenBatches } from './internal/read-batches.js';

/** A network that maps images and texts to vectors of one space, such as CLIP. */
export interface TextImageExtractor extends FeatureExtractor {
  /** Returns one vector a text, float32 `[B, D]`, of its tokens, int32 `[B, N]`. */
  textFeatures(tokens: tf.Tensor2D): tf.Tensor2D;
}

/** Options of {@link evaluateCaptions}. */
export interface EvaluateCaptionsOptions extends Circumstances {
  /** Opens the images to measure. */
  readonly generated: OpenBatches;
  /** Tokens `[count, N]` of the text of each image, in the order of the images. */
  readonly tokens: HostTokens;
  /** Network whose vectors are compared; it stays the caller's. */
  readonly extractor: TextImageExtractor;
  /** Called after each batch. */
  readonly onProgress?: (progress: EvaluationProgress) => void;
  /** Ends the measurement with the signal's reason. */
  readonly signal?: AbortSignal;
}

const optionNames: OptionTable<EvaluateCaptionsOptions> = {
  generated: 'required',
  tokens: 'required',
  extractor: 'required',
  seed: 'required',
  guidance: 'optional',
  drawing: 'optional',
  resize: 'optional',
  onProgress: 'optional',
  signal: 'optional',
};

const where = 'evaluateCaptions';

/** Texts that are encoded at once. */
const batchSize = 64;

/**
 * Measures how well images fit their texts: the CLIP score (Hessel et al. 2021, arXiv:2104.08718)
 * with the factor 100, as a card.
 * @throws {ConfigError} for options that do not exist, and an extractor of images alone
 * @throws {ShapeError} unless there is one text for each image
 * @throws {DataError} for images that are none
 */
export async function evaluateCaptions(options: EvaluateCaptionsOptions): Promise<MetricCard> {
  const { generated, tokens, extractor, onProgress, signal, ...told } = checkOptions(options, optionNames, where);
  assertMembers(extractor, ['textFeatures'], 'the extractor', where);
  const circumstances = circumstancesOf(told, where);
  const compiled = new CompiledExtractor(extractor, where);
  const set = new ImageSetHash();
  const vectors: Float32Array[] = [];
  let [dim, imageSize] = [0, [0, 0] as readonly [number, number]];
  try {
    for await (const { images, count } of readBatches(generated, `${where}, images`, signal)) {
      const tensor = tf.tensor4d(images.data, [...images.shape]);
      try {
        const { pooled } = await compiled.read(tensor, count);
        vectors.push(pooled.data);
        dim = pooled.dim;
      } finally {
        tensor.dispose();
      }
      set.add(images, count);
      imageSize = [images.shape[1], images.shape[2]];
      onProgress?.({ part: 'generated', images: set.images });
    }
  } finally {
    compiled.dispose();
  }
  const measured = set.result();
  if (tokens.shape.length !== 2 || tokens.shape[0] !== measured.images) {
    throw new ShapeError({
      where,
      expected: `tokens [${measured.images}, N], one text for each image`,
      got: `[${tokens.shape.join(', ')}]`,
    });
  }
  const scores = clipScore(
    { dim, data: concatenate(vectors, Float32Array) },
    await textVectors(extractor, tokens, signal),
  );
  const figure = {
    metric: 'clip-score',
    value: scores.mean,
    interval: bootstrapInterval(scores.ofImages, { key: randomKey(circumstances.seed) }),
    settings: { scale: 100 },
    floor: null,
    extractor,
    usesReference: false,
  } as const;
  const basis = { ...circumstances, subject: 'generated', measured, reference: measured, imageSize } as const;
  return createCard(figure, basis, where);
}

async function textVectors(
  extractor: TextImageExtractor,
  { data, shape }: HostTokens,
  signal: AbortSignal | undefined,
): Promise<FeatureRows> {
  const [count, length] = [shape[0]!, shape[1]!];
  const encode = compile((tokens: tf.Tensor2D) => extractor.textFeatures(tokens), {
    name: `texts of ${extractor.name}`,
    variables: 'frozen',
  });
  const parts: Float32Array[] = [];
  let dim = 0;
  try {
    for (const batch of paddedBatches(count, batchSize)) {
      signal?.throwIfAborted();
      const tokens = tf.tensor2d(takeRows(data, length, batch.rows), [batchSize, length], 'int32');
      const vectors = await encode(tokens);
      dim = vectors.shape[1];
      parts.push((await vectors.data<'float32'>()).slice(0, batch.count * dim));
      tf.dispose([tokens, vectors]);
    }
  } finally {
    encode.dispose();
  }
  return { dim, data: concatenate(parts, Float32Array) };
}
