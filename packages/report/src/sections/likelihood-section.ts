import { checkOptions, type OptionTable } from '@vitvq/core';
import { trainingRows } from '../internal/training-rows.js';
import { canDraw, type Series } from '../line-chart.js';
import { lineReportChart } from '../line-report-chart.js';
import type { ReportBlock, ReportSection } from '../report-content.js';
import type { TrainingFacts } from '../report-facts.js';

/** Options of {@link likelihoodSection}. */
export interface LikelihoodSectionOptions {
  /** Name of the model, such as `GPT`. */
  readonly title: string;
  /** Curves of the negative log-likelihood over the steps, in nats per token. */
  readonly curves: readonly Series[];
  /**
   * Measurements in nats per token, such as those of validation images with and without their
   * class.
   */
  readonly measurements: readonly { readonly name: string; readonly nats: number }[];
  /**
   * Entropy of the codes' frequencies in nats per token: what a model reaches that knows how often
   * each code occurs, and nothing else. Drawn as a level line and listed after the measurements.
   */
  readonly unigramNats: number;
  readonly training: TrainingFacts;
  /** More rows of the table. */
  readonly rows?: readonly (readonly string[])[];
  /** Text above the table. @default an explanation of the unigram entropy */
  readonly caption?: string;
  /** See `ImageBlock.file`. @default 'likelihood.png' */
  readonly file?: string;
}

const likelihoodSectionOptionNames: OptionTable<LikelihoodSectionOptions> = {
  title: 'required',
  curves: 'required',
  measurements: 'required',
  unigramNats: 'required',
  training: 'required',
  rows: 'optional',
  caption: 'optional',
  file: 'optional',
};

const unigramCaption =
  'The unigram entropy is the loss of a model that knows how often each code occurs, and nothing else.';

/**
 * Shows how likely a model of tokens finds images: curves of the training, and measurements beside
 * the entropy.
 */
export function likelihoodSection(options: LikelihoodSectionOptions): ReportSection {
  checkOptions(options, likelihoodSectionOptionNames, 'likelihoodSection');
  const { title, curves, measurements, unigramNats, training, rows = [] } = options;
  const { caption = unigramCaption, file = 'likelihood.png' } = options;
  const blocks: ReportBlock[] = [];
  if (canDraw({ series: curves })) {
    const level = { name: 'unigram entropy', points: levelLine(unigramNats, training.steps) };
    const chart = lineReportChart(file, {
      title: 'Negative log-likelihood',
      xLabel: 'step',
      yLabel: 'nats per token',
      series: [...curves, level],
    });
    blocks.push({ kind: 'charts', charts: [chart] });
  }
  blocks.push({
    kind: 'table',
    caption,
    rows: [
      ...measurements.map(({ name, nats }) => [name, natsText(nats)]),
      ['Unigram entropy', natsText(unigramNats)],
      ...rows,
      ...trainingRows(training),
    ],
  });
  return { title, blocks };
}

function levelLine(nats: number, steps: number): Series['points'] {
  return [
    [1, nats],
    [steps, nats],
  ];
}

function natsText(nats: number): string {
  return `${nats.toFixed(3)} nats per token`;
}
