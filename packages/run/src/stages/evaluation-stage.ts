import { join } from 'node:path';
import { loadFeatureExtractor, loadLPIPS, metricCardSchema, type FeatureExtractor } from '@vitvq/evaluation';
import { z } from 'zod';
import { imageSizeOf } from '../image-size.js';
import { measureModels, trainProxy } from '../measure-models.js';
import type { RunContext } from '../run-context.js';
import { proxyFile } from '../run-files.js';
import { someOf } from '../run-images.js';
import { openTokenizer } from './tokenizer-stage.js';
import { openTransformer } from './transformer-stage.js';

/** What the measuring of a run came to. */
export const evaluationResultSchema = z.strictObject({
  cards: z.array(metricCardSchema),
  /** Fraction of real held-out images that the proxy classifier gets right; null without one. */
  proxyAccuracy: z.number().nullable(),
});

/** Result of the evaluation's stage. */
export type EvaluationResult = z.output<typeof evaluationResultSchema>;

/** Measures the models of a run on its validation images: a card for each figure. */
export async function evaluateRunModels(context: RunContext): Promise<EvaluationResult> {
  const { config, images, folder, view, signal } = context;
  const { images: count, generated, features, lpips: weights, proxy } = config.evaluation!;
  const tokenizer = await openTokenizer(context);
  const owned: { dispose(): void }[] = [tokenizer];
  try {
    let extractor: (FeatureExtractor & { dispose(): void }) | undefined;
    let proxyAccuracy: number | null = null;
    if (features !== null) extractor = await loadFeatureExtractor(features);
    else if (proxy !== null && images.train.classNames.length < 2) {
      view.log('  the images have no classes that a classifier could learn: nothing is compared by features');
    } else if (proxy !== null) {
      const trained = await trainProxy({
        train: images.train,
        test: images.validation,
        imageSize: imageSizeOf(tokenizer),
        proxy,
        file: join(folder.path, proxyFile),
        seed: config.seed,
        view,
        onSkip: images.onSkip,
        signal,
      });
      proxyAccuracy = trained.facts.accuracy;
      extractor = trained;
    }
    if (extractor) owned.push(extractor);
    const lpips = weights === null ? undefined : await loadLPIPS(weights);
    if (lpips) owned.push(lpips);
    if (!extractor && config.transformer && generated > 0) {
      view.log('  generated images are not measured: there are neither features nor a proxy to compare them by');
    }
    const drawn = extractor && config.transformer && generated > 0 ? await openTransformer(context) : undefined;
    if (drawn) owned.push(drawn);
    const cards = await measureModels({
      tokenizer,
      source: someOf(images.validation, count),
      ...(drawn && { generated: { ...drawn, count: generated, samples: config.samples } }),
      extractor,
      ...(lpips && { perceptual: { name: 'LPIPS on VGG16', loss: lpips } }),
      seed: config.seed,
      batchSize: 50,
      view,
      onSkip: images.onSkip,
      signal,
    });
    return { cards, proxyAccuracy };
  } finally {
    for (const each of owned) each.dispose();
  }
}
