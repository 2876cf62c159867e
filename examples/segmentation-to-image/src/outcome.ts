import { formatPercent } from '@vitvq/core';
import type { Engine } from '@vitvq/engine';
import { IMAGE_TO_IMAGE_SAMPLING, METRICS_FILE, type ImageTransformerResult } from '@vitvq/example-shared';
import {
  commandsSection,
  comparisonGallery,
  configSection,
  likelihoodSection,
  type ReportContent,
  type ReportSection,
} from '@vitvq/report';
import { imagesFile, shellCommand, type StageResult } from '@vitvq/run';
import { logCurve, readTrainingLog } from '@vitvq/training';
import { SUBJECTS, type MeasureResult, type Drawn, type Subject } from './measure.js';
import type { StageContext } from './stage-context.js';

/** What the stages came to. */
export interface Outcome {
  readonly tokenizer: StageResult<{ readonly psnr: number }>;
  readonly transformer: StageResult<ImageTransformerResult>;
  readonly measure: StageResult<MeasureResult>;
  /** The images that are shown. */
  readonly shown: Drawn;
}

/** What is written beside the stages. */
export const OUTCOME_FILES = ['report.html', METRICS_FILE, imagesFile, 'pictures.png', 'transformer-loss.png'];

const NAMES: Readonly<Record<Subject, string>> = {
  ours: 'transformer',
  noCondition: 'no condition',
  codes: 'codes of the painted scene',
};

/** Returns the numbers of `metrics.json`. */
export function metricsOf(
  { settings }: StageContext,
  { tokenizer, transformer, measure }: Omit<Outcome, 'shown'>,
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

/** Returns the report of the run. */
export async function reportOf(context: StageContext, outcome: Outcome, engine: Engine): Promise<ReportContent> {
  const { settings, plan, data, folder } = context;
  const { figures, realAgreement } = outcome.measure.result;
  const { ours, noCondition } = figures;
  return {
    title: 'Images from segmentation maps',
    lead:
      `Code has painted ${data.train.length} scenes with their exact maps. A transformer is given a map and draws the codes of a ` +
      'scene, on maps that no model has seen.',
    summary: [
      {
        label: 'Pixels that follow the map',
        value: formatPercent(ours.agreement),
        note: `${formatPercent(noCondition.agreement)} without condition, ${formatPercent(realAgreement)} of painted scenes`,
      },
      {
        label: 'Fréchet distance',
        value: ours.frechetDistance.toFixed(2),
        note: `${noCondition.frechetDistance.toFixed(2)} without condition`,
      },
    ],
    sections: [
      picturesSection(outcome.shown),
      figuresSection(outcome.measure.result),
      await transformerSection(context, outcome.transformer.result),
      configSection({ settings, plan, sampling: IMAGE_TO_IMAGE_SAMPLING }, { engine }),
      commandsSection([
        {
          purpose: 'Train longer',
          command: shellCommand([
            ...['npm', 'run', 'segmentation-to-image', '--', '--minutes', '60', '--out', `${folder.path}-60`],
          ]),
        },
      ]),
    ],
  };
}

function picturesSection({ real, maps, ...drawn }: Drawn): ReportSection {
  const columns = [
    { label: 'map', images: maps },
    ...(['ours', 'noCondition'] as const).map((subject) => ({ label: NAMES[subject], images: drawn[subject] })),
    { label: 'painted', images: real },
  ];
  const caption =
    'Test maps, the first ones: none is chosen. One drawing each. The painted scene is one of many that fit the map.';
  return {
    title: 'Pictures',
    blocks: [comparisonGallery(columns, { shown: real.shape[0], caption, file: 'pictures.png' })],
  };
}

function figuresSection({ images, figures, realAgreement, proxyAccuracy }: MeasureResult): ReportSection {
  return {
    title: 'Do they follow their maps?',
    blocks: [
      {
        kind: 'text',
        text:
          `${images} test maps. A pixel follows the map if the mean colour that is nearest to it is that of its part: colours overlap, so ` +
          `that of painted scenes ${formatPercent(realAgreement)} do. Features are those of a small classifier of the kinds of scenes` +
          `${proxyAccuracy === null ? '' : `, which is right about ${formatPercent(proxyAccuracy)} of the test scenes`}: they compare ` +
          'the rows of this table, and nothing else.',
      },
      {
        kind: 'table',
        columns: ['', 'pixels that follow the map', 'PSNR, dB', 'SSIM', 'feature distance', 'Fréchet distance'],
        rows: SUBJECTS.map((subject) => {
          const { agreement, psnr, ssim, featureDistance, frechetDistance } = figures[subject];
          return [
            NAMES[subject],
            formatPercent(agreement),
            psnr.toFixed(2),
            ssim.toFixed(3),
            featureDistance.toFixed(3),
            frechetDistance.toFixed(2),
          ];
        }),
      },
    ],
  };
}

async function transformerSection(
  { folder }: StageContext,
  transformer: ImageTransformerResult,
): Promise<ReportSection> {
  const log = await readTrainingLog(folder.of('transformer'));
  return likelihoodSection({
    title: 'Transformer',
    curves: [
      { name: 'training', points: logCurve(log, 'step', 'loss') },
      { name: 'test scenes', points: logCurve(log, 'evaluate', 'natsPerToken') },
    ],
    measurements: [
      { name: 'Test scenes, given their maps', nats: transformer.natsPerToken },
      { name: 'Given the map of another', nats: transformer.otherConditionNatsPerToken },
      { name: 'Given none', nats: transformer.noConditionNatsPerToken },
    ],
    unigramNats: transformer.unigramNatsPerToken,
    training: {
      steps: transformer.steps,
      seconds: transformer.trainingSeconds,
      parameterCount: transformer.parameterCount,
    },
    file: 'transformer-loss.png',
  });
}
