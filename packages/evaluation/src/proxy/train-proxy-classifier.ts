import * as tf from '@tensorflow/tfjs-core';
import {
  assertInRange,
  assertInteger,
  checkOptions,
  ConfigError,
  DataError,
  mean,
  parseOptions,
  randomKey,
  type OptionTable,
} from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { crossEntropy } from '@vitvq/losses';
import { AdamW, applyGradients, decayGroups, namedGradients, warmupCosineSchedule } from '@vitvq/optim';
import type { z } from 'zod';
import { MeasuredImages } from '../feature-metrics/measured-images.js';
import { CompiledExtractor } from '../internal/compiled-extractor.js';
import { readBatches, type EqualBatch, type OpenBatches } from '../internal/read-batches.js';
import { ProxyClassifier } from './proxy-classifier.js';
import { ProxyNetwork, proxyNetworkSchema } from './proxy-network.js';

/** How far the training of a proxy is. */
export interface ProxyProgress {
  /** Steps that are done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Mean cross-entropy of the step's batch in nats. */
  readonly loss: number;
}

/** Options of {@link trainProxyClassifier}. */
export interface ProxyClassifierOptions extends z.input<typeof proxyNetworkSchema> {
  /**
   * Opens labelled images in batches of one size, shuffled and flipped by a key: `createBatches` of
   * @vitvq/data without `epochs`. A set that ends is opened again.
   */
  readonly images: OpenBatches;
  /** Opens labelled images that are not trained on, which measure the accuracy. @default none */
  readonly test?: OpenBatches;
  /** Names of the classes, in the order of their labels; kept among the facts. @default none */
  readonly classNames?: readonly string[];
  /** Number of updates. @default 800 */
  readonly steps?: number;
  /** Largest learning rate, after a tenth of the steps. @default 4e-3 */
  readonly learningRate?: number;
  /** Decides the first weights. */
  readonly seed: number;
  /** Called after each step. */
  readonly onProgress?: (progress: ProxyProgress) => void;
  /** Ends the training with the signal's reason. */
  readonly signal?: AbortSignal;
}

const optionNames: OptionTable<ProxyClassifierOptions> = {
  images: 'required',
  classes: 'required',
  seed: 'required',
  inputSize: 'optional',
  channels: 'optional',
  test: 'optional',
  classNames: 'optional',
  steps: 'optional',
  learningRate: 'optional',
  onProgress: 'optional',
  signal: 'optional',
};

const where = 'trainProxyClassifier';

/**
 * Trains a small classifier on labelled images, whose features and logits then measure generated
 * images where no weights of others are at hand: AdamW with a cosine schedule on the engine in use.
 * The same images, options and engine give the same classifier.
 * @throws {ConfigError} for options out of range
 * @throws {DataError} for images that are none, labels that are missing or no classes, and a loss
 *   that is not finite
 */
export async function trainProxyClassifier(options: ProxyClassifierOptions): Promise<ProxyClassifier> {
  const {
    images,
    test,
    classNames = [],
    steps = 800,
    learningRate = 4e-3,
    seed,
    onProgress,
    signal,
    ...sizes
  } = checkOptions(options, optionNames, where);
  const config = parseOptions(proxyNetworkSchema, sizes, where);
  assertInteger(steps, 'steps', where, 1, Number.MAX_SAFE_INTEGER);
  assertInRange(learningRate, 'learningRate', where, Number.MIN_VALUE);
  if (![0, config.classes].includes(classNames.length)) {
    throw new ConfigError({
      where,
      expected: `names of ${config.classes} classes, or none`,
      got: `${classNames.length} names`,
    });
  }
  const network = new ProxyNetwork(config, randomKey(seed));
  try {
    const rateOf = warmupCosineSchedule({
      peak: learningRate,
      warmupSteps: Math.floor(steps / 10),
      totalSteps: steps,
    });
    const update = compileUpdate(network);
    try {
      let step = 0;
      for await (const { images: pixels, labels } of fullBatches(images, signal)) {
        const loss = await update.run(pixels, labelsOf(labels, pixels.shape[0], config.classes), rateOf(step));
        step++;
        if (!Number.isFinite(loss)) {
          const fix = 'Lower learningRate.';
          throw new DataError({ where, expected: 'a finite loss', got: `${loss} in step ${step}`, fix });
        }
        onProgress?.({ step, steps, loss });
        if (step === steps) break;
      }
    } finally {
      update.dispose();
    }
    const untested = await ProxyClassifier.of(network, { steps, seed, accuracy: null, classNames });
    const accuracy = test ? await accuracyOf(untested, test, signal) : null;
    return await ProxyClassifier.of(network, { steps, seed, accuracy, classNames });
  } catch (error) {
    network.dispose();
    throw error;
  }
}

interface Update {
  run(images: EqualBatch['images'], labels: Int32Array, learningRate: number): Promise<number>;
  dispose(): void;
}

/** Compiles one update, with the state of its optimizer. */
function compileUpdate(network: ProxyNetwork): Update {
  const variables = network.namedTrainableVariables();
  const optimizer = new AdamW(decayGroups(variables, 0.05), { beta2: 0.99 });
  const step = compile(
    (images: tf.Tensor4D, labels: tf.Tensor1D, learningRate: tf.Scalar) =>
      tf.tidy(() => {
        const { value, gradients } = namedGradients(
          () => crossEntropy(network.features(images).logits, labels),
          variables,
        );
        applyGradients({ optimizer, clipNorm: 1 }, gradients, learningRate, { alsoFinite: value });
        return value;
      }),
    { name: 'train the proxy classifier' },
  );
  return {
    run: async ({ data, shape }, labels, learningRate) => {
      const inputs = [tf.tensor4d(data, [...shape]), tf.tensor1d(labels, 'int32'), tf.scalar(learningRate)] as const;
      const loss = await step(...inputs);
      const [value] = await loss.data<'float32'>();
      tf.dispose([...inputs, loss]);
      return value!;
    },
    dispose: () => {
      step.dispose();
      optimizer.dispose();
    },
  };
}

/** Reads batches without padding again and again. @throws {DataError} for a set that has none */
async function* fullBatches(open: OpenBatches, signal: AbortSignal | undefined): AsyncGenerator<EqualBatch, never> {
  for (;;) {
    let used = 0;
    for await (const batch of readBatches(open, where, signal)) {
      if (batch.count < batch.images.shape[0]) continue;
      used++;
      yield batch;
    }
    if (used === 0) throw new DataError({ where, expected: 'at least one full batch', got: 'none' });
  }
}

function labelsOf(labels: ArrayLike<number> | undefined, count: number, classes: number): Int32Array {
  return Int32Array.from({ length: count }, (_, image) => {
    const label = labels?.[image];
    if (label === undefined || !Number.isInteger(label) || label < 0 || label >= classes) {
      throw new DataError({
        where,
        expected: `a class in [0, ${classes}) of each image`,
        got: String(label ?? 'none'),
      });
    }
    return label;
  });
}

/** Returns the fraction of images that a classifier puts into their class. */
async function accuracyOf(
  classifier: ProxyClassifier,
  open: OpenBatches,
  signal: AbortSignal | undefined,
): Promise<number> {
  const compiled = new CompiledExtractor(classifier, where);
  const measured = new MeasuredImages({ groups: 0, pooled: false, logits: true, labels: true }, `${where}, test`);
  try {
    for await (const { images, count, labels } of readBatches(open, `${where}, test`, signal)) {
      const tensor = tf.tensor4d(images.data, [...images.shape]);
      measured.add(await compiled.read(tensor, count), labels);
      tensor.dispose();
    }
    return mean(measured.hits);
  } finally {
    compiled.dispose();
  }
}
