import { ClassConditioner } from '@vitvq/transformers';
import { probeModels, type ProbeResult } from '../probe-models.js';
import type { ResolvedTransformerStage } from '../config/run-config.js';
import type { RunContext } from '../run-context.js';
import { firstOf } from '../run-images.js';
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
  const tokenizer = await openTokenizer(context);
  const { model, conditioner } = await openTransformer(context);
  const untrained = createUntrained(stage, model, conditioner, config.seed);
  try {
    return await probeModels({
      models: { tokenizer, model, untrained, conditioner },
      train: firstOf(images.probe!, probe.images),
      test: firstOf(images.test!, probe.testImages),
      probe,
      seed: config.seed,
      batchSize: stage.training.evaluation.batchSize,
      tokenizerSawLabels: !('from' in config.tokenizer) && Boolean(config.tokenizer.training.perceptual),
      ...(classes &&
        conditioner instanceof ClassConditioner && { generated: { images: await readSamples(context), classes } }),
      view,
      onSkip: images.onSkip,
      signal,
    });
  } finally {
    untrained.dispose();
    model.dispose();
    tokenizer.dispose();
  }
}
