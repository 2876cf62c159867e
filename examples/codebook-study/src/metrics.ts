import { CODEBOOK_SIZE } from './config.js';

/** What is measured of a training. */
export type Metric = 'deadCodes' | 'perplexity' | 'psnr';

/** How a metric is shown. */
export interface MetricText {
  readonly title: string;
  /** Part of the names of its pictures. */
  readonly file: string;
  readonly axis: string;
  /** Digits behind the point. */
  readonly digits: number;
  /** Values that it can have. */
  readonly range: readonly [number, number];
}

export const METRICS: Readonly<Record<Metric, MetricText>> = {
  deadCodes: {
    title: 'dead codes',
    file: 'dead-codes',
    axis: 'codes that no held-out image uses',
    digits: 0,
    range: [0, CODEBOOK_SIZE],
  },
  perplexity: {
    title: 'perplexity',
    file: 'perplexity',
    axis: 'perplexity of the codes of held-out images',
    digits: 0,
    range: [1, CODEBOOK_SIZE],
  },
  psnr: {
    title: 'PSNR',
    file: 'psnr',
    axis: 'PSNR of held-out images, dB',
    digits: 2,
    range: [-Infinity, Infinity],
  },
};
