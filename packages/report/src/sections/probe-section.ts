import { assertMembers, checkOptions, type OptionTable } from '@vitvq/core';
import { confusionTable } from '../confusion-table.js';
import { formatInteger } from '../internal/format.js';
import { layerSweepChart, type ProbedBlock } from '../layer-sweep-chart.js';
import type { ReportSection, TableBlock } from '../report-content.js';

/** A probed block with the numbers of the table. */
export interface ProbedBlockFacts extends ProbedBlock {
  /** Width of the features, D. */
  readonly dim: number;
  readonly chosen: {
    /** Strength of the penalty that validation chose. */
    readonly l2: number;
  };
  readonly test: ProbedBlock['test'] & {
    /** Fraction of samples whose class is among the five most likely ones. */
    readonly top5: number;
  };
}

/** Results of a linear probe; a `LayerSweep` of @vitvq/linear-probe is one. */
export interface ProbeFacts {
  /** Blocks in the order of the model, baselines among them. */
  readonly blocks: readonly ProbedBlockFacts[];
  /** The block of the model that validation puts first. */
  readonly best:
    | (ProbedBlockFacts & {
        readonly test: {
          /**
           * `[K][K]`: number of samples of the row's class that were classified as the column's.
           */
          readonly confusion: readonly (readonly number[])[];
        };
      })
    | undefined;
  /** Number of samples of each part. */
  readonly samples: { readonly train: number; readonly validation: number; readonly test: number };
  readonly warnings: readonly string[];
}

/** Options of {@link probeSection}. */
export interface ProbeSectionOptions {
  /** Name of the model in the text, such as `GPT`. */
  readonly model: string;
  /** Names of the classes, K of them. */
  readonly classes: readonly string[];
  /** What the reader must know about these features, such as whether the model saw classes. */
  readonly text?: string;
  /** Name of the horizontal axis of the layer sweep. @default 'block' */
  readonly xLabel?: string;
  /** See `ImageBlock.file`. @default 'layer-sweep.png' */
  readonly file?: string;
}

const probeSectionOptionNames: OptionTable<ProbeSectionOptions> = {
  model: 'required',
  classes: 'required',
  text: 'optional',
  xLabel: 'optional',
  file: 'optional',
};

/**
 * Shows a linear probe: the layer sweep, its numbers, and which classes the best block confuses.
 * @throws {ConfigError} with fewer than two blocks of the model
 * @throws {ShapeError} when classes and confusion do not fit
 */
export function probeSection(probe: ProbeFacts, options: ProbeSectionOptions): ReportSection {
  checkOptions(options, probeSectionOptionNames, 'probeSection');
  assertMembers(probe, ['blocks', 'samples', 'warnings'], 'the results of a probe', 'probeSection');
  const { model, classes, text = '', xLabel, file = 'layer-sweep.png' } = options;
  const { blocks, best, samples, warnings } = probe;
  const counts = `Trained on ${formatInteger(samples.train)} images, penalty and block chosen on ${formatInteger(samples.validation)}, tested on ${formatInteger(samples.test)}.`;
  const introduction = [
    `A softmax layer on the features of a frozen block of the ${model}, averaged over the tokens of an image.`,
    text,
    counts,
    best ? `The best block of the ${model} by validation is ${best.block}.` : '',
    'Bands are 95 % intervals.',
  ];
  return {
    title: 'Linear probe',
    blocks: [
      { kind: 'text', text: introduction.filter(Boolean).join(' ') },
      { kind: 'charts', charts: [layerSweepChart(file, blocks, { xLabel })] },
      blockTable(blocks),
      ...(best ? [confusionTable(best.test, { classes, name: best.block })] : []),
      ...warnings.map((warning) => ({ kind: 'text' as const, text: warning })),
    ],
  };
}

function blockTable(blocks: readonly ProbedBlockFacts[]): TableBlock {
  const percent = (fraction: number): string => (100 * fraction).toFixed(1);
  return {
    kind: 'table',
    columns: ['block', 'width', 'top-1, %', '95 % interval', 'top-5, %', 'penalty'],
    rows: blocks.map(({ block, dim, chosen, test: { top1, top5, interval } }) => [
      block,
      String(dim),
      percent(top1),
      `${percent(interval.low)} to ${percent(interval.high)}`,
      percent(top5),
      String(chosen.l2),
    ]),
  };
}
