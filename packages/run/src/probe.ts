import { ConfigError } from '@vitvq/core';
import { openDataSource, splitSource, type DataSourceConfig } from '@vitvq/data';
import { createTransformer, type AnyTransformer, type TransformerSize } from '@vitvq/transformers';
import { keyOf } from './keys.js';
import { loadBoth, loadRunTokenizer, loadRunTransformer, openRun } from './open-run.js';
import { probeModels, type ProbeResult } from './probe-models.js';
import { someOf } from './run-images.js';
import { sawLabels } from './saw-labels.js';
import { silentView, type RunView } from './run-progress.js';
import { collectSkipped } from './skip-collector.js';

/** Options of {@link probe}. */
export interface ProbeOptions {
  /** Run with a tokenizer and a transformer, see `openRun`. */
  readonly run: string;
  /** Images with classes that the probe learns from. */
  readonly data: DataSourceConfig;
  /** Images that it is tested on. @default a fifth of `data` */
  readonly test?: DataSourceConfig;
  /** So many of the images to learn from, at equal distances. @default all */
  readonly images?: number;
  /** So many of the images to test on. @default all */
  readonly testImages?: number;
  /** Whether the best block is probed with attentive pooling too. @default what the run says */
  readonly attention?: boolean;
  /** @default 0 */
  readonly seed?: number;
  /** @default 50 */
  readonly batchSize?: number;
  readonly view?: RunView;
  readonly signal?: AbortSignal;
}

/** How probes are trained where the run says nothing of it. */
const usualProbe = {
  validationFraction: 0.2,
  l2: [1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5],
  pixelPool: 2,
  neighbors: 20,
  attention: false,
};

/** Share of the images that is tested on where no test images are given. */
const testFraction = 0.2;

/**
 * Measures what the frozen models of a run know of the classes of images (arXiv:2110.04627, sec.
 * 4.2): a linear probe of every block, beside raw pixels and the same network untrained. The
 * current engine computes.
 * @throws {ConfigError} for images of fewer than two classes
 */
export async function probe(options: ProbeOptions): Promise<ProbeResult> {
  const { data, test, seed = 0, batchSize = 50, view = silentView } = options;
  const signal = options.signal ?? new AbortController().signal;
  const run = await openRun(options.run);
  const models = await loadBoth(
    () => loadRunTokenizer(run),
    () => loadRunTransformer(run),
  );
  const { tokenizer, model, conditioner } = models;
  let untrained: AnyTransformer | undefined;
  try {
    const { onSkip } = collectSkipped(view.log);
    const opened = await openDataSource(data, { onSkip, onProgress: view.log, signal });
    const classes = opened.classNames;
    const parts =
      test === undefined
        ? splitSource(opened, { holdOut: testFraction, key: keyOf(seed, 'probeTest') })
        : { train: opened, heldOut: await openDataSource(test, { onSkip, onProgress: view.log, signal, classes }) };
    untrained = untrainedTwin(model, seed);
    return await probeModels({
      models: { tokenizer, model, untrained, conditioner },
      train: someOf(parts.train, options.images),
      test: someOf(parts.heldOut, options.testImages),
      probe: {
        ...usualProbe,
        ...run.config?.probe,
        ...(options.attention !== undefined && { attention: options.attention }),
      },
      seed,
      batchSize,
      tokenizerSawLabels: await sawLabels(run.config?.tokenizer, view.log),
      view,
      onSkip,
      signal,
    });
  } finally {
    untrained?.dispose();
    models.dispose();
  }
}

/** Returns the network of a model with weights that were drawn and not trained. */
function untrainedTwin(model: AnyTransformer, seed: number): AnyTransformer {
  const key = keyOf(seed, 'transformer');
  const { vocabSize, grid, conditionVocabSize, conditionLength, ...sizes } = model.config;
  if (conditionVocabSize === undefined) {
    throw new ConfigError({ where: 'probe', expected: 'a model of tokens as conditions', got: 'one of embeddings' });
  }
  const fit = { vocabSize, grid, conditionVocabSize, conditionLength, key };
  // The code depth comes with the tokens, the rest with the config.
  const { codeDepth, ...size } = { codeDepth: 1, ...sizes };
  return createTransformer({ kind: model.type, ...size } as TransformerSize, { ...fit, codeDepth });
}
