import { checkOptions, ConfigError, formatPercent, type OptionTable } from '@vitvq/core';
import type { Series } from './line-chart.js';
import { lineReportChart } from './line-report-chart.js';
import type { ReportChart } from './report-content.js';

/** The result of a probe on one block; a `BlockProbe` of `@vitvq/linear-probe` is one. */
export interface ProbedBlock {
  readonly block: string;
  /**
   * Origin of the features: the model, its untrained twin, raw pixels, or the tokenizer in front of
   * the model.
   */
  readonly kind: 'model' | 'untrained' | 'pixels' | 'tokenizer';
  readonly test: {
    /** Fraction of samples whose class has the highest logit. */
    readonly top1: number;
    /** 95 % confidence interval of `top1`. */
    readonly interval: { readonly low: number; readonly high: number };
  };
}

/** Options of {@link layerSweepChart}. */
export interface LayerSweepChartOptions {
  /**
   * Name of the horizontal axis, which may say what the first and the last block are.
   * @default 'block'
   */
  readonly xLabel?: string;
}

const layerSweepChartOptionNames: OptionTable<LayerSweepChartOptions> = {
  xLabel: 'optional',
};

/**
 * Draws top-1 accuracy block by block as a part of a report (arXiv:2110.04627, the study of blocks
 * in its appendix). It has a line for the model, and lines for what else was probed: the tokenizer
 * to the left of the model, as an image passes through both; the untrained twin; the raw pixels, a
 * level line. Bands are 95 % intervals.
 * @param file  see `ImageBlock.file`
 * @param blocks  in the order of the model, and those of the twin in the same order; baselines may
 * stand anywhere
 * @throws {ConfigError} with fewer than two blocks of the model, which make no line
 */
export function layerSweepChart(
  file: string,
  blocks: readonly ProbedBlock[],
  options: LayerSweepChartOptions = {},
): ReportChart {
  const { xLabel = 'block' } = checkOptions(options, layerSweepChartOptionNames, 'layerSweepChart');
  const ofKind = (wanted: ProbedBlock['kind']): ProbedBlock[] => blocks.filter(({ kind }) => kind === wanted);
  const [model, untrained, pixels, tokenizer] = [
    ofKind('model'),
    ofKind('untrained'),
    ofKind('pixels'),
    ofKind('tokenizer'),
  ];
  if (model.length < 2) {
    const got = String(model.length);
    throw new ConfigError({ where: 'layerSweepChart', expected: 'two blocks of the model or more', got });
  }
  const start = tokenizer.length;
  const after = (block: ProbedBlock, index: number): Series['points'][number] => pointAt(block, start + index);
  const chart = lineReportChart(file, {
    title: 'Layer sweep',
    xLabel,
    width: start > 0 ? 640 : undefined,
    yLabel: 'top-1, per cent of test samples',
    series: [
      { name: 'tokenizer', points: tokenizer.map(pointAt) },
      { name: 'trained', points: model.map(after) },
      { name: 'untrained', points: untrained.map(after) },
      ...pixels.map((level): Series => ({
        name: 'raw pixels',
        points: [pointAt(level, 0), after(level, model.length - 1)],
      })),
    ].filter(({ points }) => points.length > 0),
  });
  const highest = model.reduce((best, block) => (block.test.top1 > best.test.top1 ? block : best));
  return { ...chart, alt: `${chart.alt} The highest is ${highest.block}, ${formatPercent(highest.test.top1)}.` };
}

function pointAt({ test: { top1, interval } }: ProbedBlock, place: number): Series['points'][number] {
  return [place, perCent(top1), perCent(interval.low), perCent(interval.high)];
}

const perCent = (fraction: number): number => 100 * fraction;
