import { formatPercent } from '@vitvq/core';
import type { Engine } from '@vitvq/engine';
import {
  IMAGE_TO_IMAGE_SAMPLING,
  imageTransformerSection,
  METRICS_FILE,
  type ImageToImageOutcome,
} from '@vitvq/example-shared';
import {
  commandsSection,
  comparisonGallery,
  configSection,
  type ReportContent,
  type ReportSection,
} from '@vitvq/report';
import { imagesFile, shellCommand } from '@vitvq/run';
import { SUBJECTS, type MeasureResult, type Drawn, type Subject } from './measure.js';
import type { StageContext } from './stage-context.js';

/** What the stages came to. */
export interface Outcome extends ImageToImageOutcome<MeasureResult> {
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
      await imageTransformerSection(folder.of('transformer'), outcome.transformer.result, {
        images: 'test scenes',
        given: 'Test scenes, given their maps',
        givenAnother: 'Given the map of another',
      }),
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
