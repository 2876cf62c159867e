import { ClassConditioner } from '@vitvq/transformers';
import { probeModels, type ProbeResult } from '../probe-models.js';
import type { ResolvedTransformerStage } from '../config/run-config.js';
import { loadBoth } from '../open-run.js';
import type { RunContext } from '../run-context.js';
import { someOf } from '../run-images.js';
import { sawLabels } from '../saw-labels.js';
import { readSamples, type SamplesResult } from './samples-stage.js';
import { openTokenizer } from './tokenizer-stage.js';
import { createUntrained, openTransformer } from './transformer-stage.js';

/** Probes the models of a run on images that neither tokenizer nor transformer has seen. */
export async function probeRunModels(
  context: RunContext,
  stage: ResolvedTransformerStage,
  { classes }: SamplesResult,
): Promise<ProbeResult> {
  const { config, images, view, signal } = context;
  const probe = config.probe!;
  const models = await loadBoth(
    () => openTokenizer(context),
    () => openTransformer(context),
  );
  const { tokenizer, model, conditioner } = models;
  const untrained = createUntrained(stage, model, conditioner, config.seed);
  try {
    return await probeModels({
      models: { tokenizer, model, untrained, conditioner },
      train: someOf(images.probe!, probe.images),
      test: someOf(images.test!, probe.testImages),
      probe,
      seed: config.seed,
      batchSize: stage.training.evaluation.batchSize,
      tokenizerSawLabels: await sawLabels(config.tokenizer, view.log),
      ...(classes &&
        conditioner instanceof ClassConditioner && { generated: { images: await readSamples(context), classes } }),
      view,
      onSkip: images.onSkip,
      signal,
    });
  } finally {
    untrained.dispose();
    models.dispose();
  }
}
