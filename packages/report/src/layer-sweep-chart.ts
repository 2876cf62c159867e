import { ConfigError } from '@vitvq/core';
import type { Series } from './line-chart.js';
import { lineReportChart } from './line-report-chart.js';
import type { ReportChart } from './report-content.js';

/** What a probe makes of one block, as far as it is drawn; a `BlockProbe` of `@vitvq/linear-probe` is such. */
export interface ProbedBlock {
  readonly block: string;
  /** Whose features they are: the model's, its untrained twin's, raw pixels, or those of the tokenizer that is before the model. */
  readonly kind: 'model' | 'untrained' | 'pixels' | 'tokenizer';
  readonly test: {
    /** Share of samples, in [0, 1]. */
    readonly top1: number;
    /** 95 % confidence interval of `top1`. */
    readonly interval: { readonly low: number; readonly high: number };
  };
}

export interface LayerSweepChartOptions {
  /** What the first and the last block are, for instance. @default 'block' */
  readonly xLabel?: string;
}

/**
 * Top-1 block by block as a part of a report (arXiv:2110.04627, the study of blocks in its appendix): the model, and where they
 * were probed the tokenizer to its left, as an image goes through both, its untrained twin, and the raw pixels, which are a level
 * line. Bands are the 95 % intervals.
 * @param file  see `ImageBlock.file`
 * @param blocks  in the order of the model, the twin's in the same one; baselines may stand anywhere
 * @throws {ConfigError} with fewer than two blocks of the model, which make no line
 */
export function layerSweepChart(
  file: string,
  blocks: readonly ProbedBlock[],
  { xLabel = 'block' }: LayerSweepChartOptions = {},
): ReportChart {
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
  return { ...chart, alt: `${chart.alt} The highest is ${highest.block}, ${perCent(highest.test.top1).toFixed(1)} %.` };
}

function pointAt({ test: { top1, interval } }: ProbedBlock, place: number): Series['points'][number] {
  return [place, perCent(top1), perCent(interval.low), perCent(interval.high)];
}

function perCent(share: number): number {
  return 100 * share;
}
