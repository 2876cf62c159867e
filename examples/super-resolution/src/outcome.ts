import { formatPercent, type HostImages } from '@vitvq/core';
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
import { SUBJECTS, type MeasureResult, type Restored, type Subject } from './measure.js';
import { enlargeByCopies } from './resize.js';
import type { StageContext } from './stage-context.js';

/** What the stages came to. */
export interface Outcome extends ImageToImageOutcome<MeasureResult> {
  /** The images that are shown. */
  readonly shown: Restored;
}

/** What is written beside the stages. */
export const OUTCOME_FILES = ['report.html', METRICS_FILE, imagesFile, 'pictures.png', 'transformer-loss.png'];

const NAMES: Readonly<Record<Subject, string>> = {
  bicubic: 'bicubic',
  ours: 'transformer',
  noCondition: 'no condition',
  codes: 'codes of the true image',
};

/** Returns the report of the run. */
export async function reportOf(context: StageContext, outcome: Outcome, engine: Engine): Promise<ReportContent> {
  const { settings, plan, data, folder } = context;
  const { figures } = outcome.measure.result;
  const { real, small } = outcome.shown;
  const pixels = ([, height, width]: HostImages['shape']): string => `${height}x${width}`;
  return {
    title: 'Large images from small ones',
    lead:
      `Images of ${data.train.name} are reduced to ${pixels(small.shape)} pixels. A transformer is given those pixels and ` +
      `draws the codes of the image of ${pixels(real.shape)}, on test images that no model has seen.`,
    summary: [
      {
        label: 'Fréchet distance',
        value: figures.ours.frechetDistance.toFixed(2),
        note: `bicubic ${figures.bicubic.frechetDistance.toFixed(2)}`,
      },
      {
        label: 'PSNR',
        value: figures.ours.psnr.toFixed(2),
        unit: 'dB',
        note: `bicubic ${figures.bicubic.psnr.toFixed(2)} dB`,
      },
    ],
    sections: [
      picturesSection(context, outcome.shown),
      figuresSection(outcome.measure.result),
      await imageTransformerSection(folder.of('transformer'), outcome.transformer.result, {
        images: 'test images',
        given: 'Test images, given their small images',
        givenAnother: 'Given the small image of another',
      }),
      configSection({ settings, plan, sampling: IMAGE_TO_IMAGE_SAMPLING }, { engine }),
      commandsSection([
        {
          purpose: 'Train longer',
          command: shellCommand([
            ...['npm', 'run', 'super-resolution', '--', '--minutes', '60', '--out', `${folder.path}-60`],
          ]),
        },
      ]),
    ],
  };
}

function picturesSection({ settings }: StageContext, { real, small, ...restored }: Restored): ReportSection {
  const columns = [
    { label: 'small', images: enlargeByCopies(small, settings.scale) },
    ...(['bicubic', 'ours', 'noCondition'] as const).map((subject) => ({
      label: NAMES[subject],
      images: restored[subject],
    })),
    { label: 'real', images: real },
  ];
  const caption = 'Test images, the first ones: none is chosen. One drawing each.';
  return {
    title: 'Pictures',
    blocks: [comparisonGallery(columns, { shown: real.shape[0], caption, file: 'pictures.png' })],
  };
}

function figuresSection({ images, figures, proxyAccuracy }: MeasureResult): ReportSection {
  return {
    title: 'How near they come',
    blocks: [
      {
        kind: 'text',
        text:
          `${images} test images. Features are those of a small classifier of the training images` +
          `${proxyAccuracy === null ? '' : `, which is right about ${formatPercent(proxyAccuracy)} of the test images`}: they compare ` +
          'the rows of this table, and nothing else. The codes of the true image are the best that can be drawn with them.',
      },
      {
        kind: 'table',
        columns: ['', 'PSNR, dB', 'SSIM', 'PSNR of the small image, dB', 'feature distance', 'Fréchet distance'],
        rows: SUBJECTS.map((subject) => {
          const { psnr, ssim, smallPsnr, featureDistance, frechetDistance } = figures[subject];
          return [
            NAMES[subject],
            psnr.toFixed(2),
            ssim.toFixed(3),
            smallPsnr.toFixed(2),
            featureDistance.toFixed(3),
            frechetDistance.toFixed(2),
          ];
        }),
      },
    ],
  };
}
