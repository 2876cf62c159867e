import * as tf from '@tensorflow/tfjs-core';
import { checkOptions, formatShape, randomKey, ShapeError, type OptionTable } from '@vitvq/core';
import { circumstancesOf, createCard, type Circumstances } from './cards/create-card.js';
import type { MetricCard } from './cards/metric-card.js';
import type { FeatureExtractor } from './feature-extractor.js';
import { FeatureMetrics, type FeatureMetricConfig, type FeatureMetricName } from './feature-metrics/kinds.js';
import { MeasuredImages } from './feature-metrics/measured-images.js';
import { ImageSetHash } from './image-set-hash.js';
import { CompiledExtractor } from './internal/compiled-extractor.js';
import { readBatches, type OpenBatches } from './internal/read-batches.js';

/** How far a measurement is. */
export interface EvaluationProgress {
  readonly part: 'real' | 'generated' | 'reconstructed';
  /** Images of the part that are done. */
  readonly images: number;
}

/** Options of {@link evaluateImages}. */
export interface EvaluateImagesOptions extends Circumstances {
  /** Opens the real images to compare with. */
  readonly real: OpenBatches;
  /** Opens the images to measure. */
  readonly generated: OpenBatches;
  /** Network whose features are compared; it stays the caller's. */
  readonly extractor: FeatureExtractor;
  /** Metrics by name, or as configs. @default Fréchet and kernel distance, precision and recall */
  readonly metrics?: readonly (FeatureMetricName | FeatureMetricConfig)[];
  /** Called after each batch. */
  readonly onProgress?: (progress: EvaluationProgress) => void;
  /** Ends the measurement with the signal's reason. */
  readonly signal?: AbortSignal;
}

const optionNames: OptionTable<EvaluateImagesOptions> = {
  real: 'required',
  generated: 'required',
  extractor: 'required',
  metrics: 'optional',
  seed: 'required',
  guidance: 'optional',
  drawing: 'optional',
  resize: 'optional',
  onProgress: 'optional',
  signal: 'optional',
};

const where = 'evaluateImages';

/**
 * Measures generated images against real ones by the features of an extractor, batch by batch, and
 * returns a card for each figure. Features stay in memory only where a metric compares images with
 * each other; the Fréchet distance keeps means and covariances.
 * @throws {ConfigError} for options and metrics that do not exist, and an extractor without logits
 *   where a metric takes them
 * @throws {ShapeError} for generated images of another size than the real ones
 * @throws {DataError} for images that are none, too few of them, and missing classes
 */
export async function evaluateImages(options: EvaluateImagesOptions): Promise<MetricCard[]> {
  const {
    real,
    generated,
    extractor,
    metrics = ['frechet-distance', 'kernel-distance', 'precision-recall'],
    onProgress,
    signal,
    ...told
  } = checkOptions(options, optionNames, where);
  const circumstances = circumstancesOf(told, where);
  const chosen = new FeatureMetrics(metrics, where);
  const compiled = new CompiledExtractor(extractor, where);
  const read = async (part: 'real' | 'generated', open: OpenBatches) => {
    const features = new MeasuredImages(chosen.needs(part), `${where}, ${part} images`);
    const set = new ImageSetHash();
    let imageSize: readonly [number, number] = [0, 0];
    for await (const { images, count, labels } of readBatches(open, `${where}, ${part} images`, signal)) {
      const tensor = tf.tensor4d(images.data, [...images.shape]);
      try {
        features.add(await compiled.read(tensor, count), labels);
      } finally {
        tensor.dispose();
      }
      set.add(images, count);
      imageSize = [images.shape[1], images.shape[2]];
      onProgress?.({ part, images: set.images });
    }
    return { features, set: set.result(), imageSize };
  };
  try {
    const reference = await read('real', real);
    const measured = await read('generated', generated);
    assertSameSize(reference.imageSize, measured.imageSize);
    const figures = await chosen.measure({
      real: reference.features,
      generated: measured.features,
      key: randomKey(circumstances.seed),
      signal,
    });
    const { imageSize } = measured;
    const basis = { ...circumstances, subject: 'generated', measured: measured.set, reference: reference.set } as const;
    return figures.map((figure) => createCard({ ...figure, extractor }, { ...basis, imageSize }, where));
  } finally {
    compiled.dispose();
  }
}

function assertSameSize(real: readonly [number, number], generated: readonly [number, number]): void {
  if (formatShape(real) === formatShape(generated)) return;
  throw new ShapeError({
    where,
    expected: `generated images of the size of the real ones, ${formatShape(real)}`,
    got: formatShape(generated),
    fix: 'Scale and crop both sets in the same way: the figures of other sizes are other figures.',
  });
}
