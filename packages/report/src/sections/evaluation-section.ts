import { checkOptions, type OptionTable } from '@vitvq/core';
import { codebookRows } from '../internal/codebook-rows.js';
import { formatInteger, formatSignificant } from '../internal/format.js';
import type { ReportSection } from '../report-content.js';
import type { EvaluationFacts } from '../report-facts.js';

/** Options of {@link evaluationSection}. */
export interface EvaluationSectionOptions {
  readonly evaluation: EvaluationFacts;
  /** What the images are, such as `CIFAR-10, test split`. */
  readonly dataset: string;
  /** @default 'Evaluation' */
  readonly title?: string;
}

const evaluationSectionOptionNames: OptionTable<EvaluationSectionOptions> = {
  evaluation: 'required',
  dataset: 'required',
  title: 'optional',
};

/** Shows what an evaluation of a tokenizer measured, as a table. */
export function evaluationSection(options: EvaluationSectionOptions): ReportSection {
  const {
    evaluation,
    dataset,
    title = 'Evaluation',
  } = checkOptions(options, evaluationSectionOptionNames, 'evaluationSection');
  const { count, psnr, meanSquaredError, perceptualDistance, codebook } = evaluation;
  return {
    title,
    blocks: [
      {
        kind: 'table',
        caption: `Measured on ${formatInteger(count)} images of ${dataset} that were kept out of the training.`,
        rows: [
          ['PSNR', `${psnr.toFixed(2)} dB, mean of the images`],
          ...(meanSquaredError === undefined ? [] : [['Mean squared error', formatSignificant(meanSquaredError)]]),
          ...(perceptualDistance === undefined ? [] : [['Perceptual distance', formatSignificant(perceptualDistance)]]),
          ...(codebook ? codebookRows(codebook) : []),
        ],
      },
    ],
  };
}
