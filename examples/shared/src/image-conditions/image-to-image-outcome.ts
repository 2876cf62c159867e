import type { Engine } from '@vitvq/engine';
import { likelihoodSection, type ReportSection } from '@vitvq/report';
import type { StageResult } from '@vitvq/run';
import { logCurve, readTrainingLog } from '@vitvq/training';
import type { ImageTransformerResult } from './train-image-transformer.js';

/** What the stages of a run came to, of which the last one measured `M`. */
export interface ImageToImageOutcome<M> {
  readonly tokenizer: StageResult<{ readonly psnr: number }>;
  readonly transformer: StageResult<ImageTransformerResult>;
  readonly measure: StageResult<M>;
}

/** Returns the numbers of `metrics.json`. */
export function imageToImageMetrics<M extends object>(
  settings: object,
  { tokenizer, transformer, measure }: ImageToImageOutcome<M>,
  { name, threads }: Engine,
): object {
  return {
    ...measure.result,
    tokenizer: tokenizer.result,
    transformer: transformer.result,
    seconds: { tokenizer: tokenizer.seconds, transformer: transformer.seconds, measure: measure.seconds },
    engine: name,
    threads,
    settings,
  };
}

/**
 * Returns the part of a report about the transformer.
 * @param directory  of its training
 * @param names  of the images that it is measured on, and of these given their own condition and
 *   that of another
 */
export async function imageTransformerSection(
  directory: string,
  transformer: ImageTransformerResult,
  names: { readonly images: string; readonly given: string; readonly givenAnother: string },
): Promise<ReportSection> {
  const log = await readTrainingLog(directory);
  const { steps, trainingSeconds: seconds, parameterCount } = transformer;
  return likelihoodSection({
    title: 'Transformer',
    curves: [
      { name: 'training', points: logCurve(log, 'step', 'loss') },
      { name: names.images, points: logCurve(log, 'evaluate', 'natsPerToken') },
    ],
    measurements: [
      { name: names.given, nats: transformer.natsPerToken },
      { name: names.givenAnother, nats: transformer.otherConditionNatsPerToken },
      { name: 'Given none', nats: transformer.noConditionNatsPerToken },
    ],
    unigramNats: transformer.unigramNatsPerToken,
    training: { steps, seconds, parameterCount },
    file: 'transformer-loss.png',
  });
}
