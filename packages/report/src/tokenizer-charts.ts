import { canDraw, type LineChartOptions, type Series } from './line-chart.js';

/** An entry of a training's log; `readTrainingLog` of @vitvq/training returns such entries. */
export interface TrainingRecord {
  /** `step` for a step of the training, `evaluate` for an evaluation. */
  readonly event: string;
  readonly step: number;
  /**
   * Measurements by the names of @vitvq/stage1-trainer. Of a step: `l1`, `l2`, `imageGradient`,
   * `logitLaplace`, `perceptual`, `quantizer`, `adversarial`, `adaptiveWeight`, `learningRate`; of
   * the discriminator `discriminator`, `logitsReal`, `logitsFake`, `r1`, `leCam`. Of an evaluation:
   * `psnr`. Other numbers of a step are taken for loss terms of the caller; each may be missing.
   */
  readonly [name: string]: unknown;
}

interface ChartPlan extends Pick<LineChartOptions, 'title' | 'yLabel' | 'scale'> {
  /** Event whose records hold the values. @default 'step' */
  readonly event?: string;
  /** Names of values to names of lines. */
  readonly lines: Readonly<Record<string, string>>;
}

const plans: readonly ChartPlan[] = [
  {
    title: 'Loss terms',
    yLabel: 'without their weights',
    scale: 'log',
    lines: { l1: 'L1', l2: 'L2', imageGradient: 'image gradient', perceptual: 'perceptual', quantizer: 'quantizer' },
  },
  // A density may exceed 1, so this term may be negative.
  { title: 'Logit-Laplace', yLabel: 'negative log-likelihood', lines: { logitLaplace: 'logit-Laplace' } },
  {
    title: 'Logits of the discriminator',
    yLabel: 'mean; higher is more real',
    lines: { logitsReal: 'real images', logitsFake: 'reconstructions' },
  },
  {
    title: 'Adversarial losses',
    yLabel: 'loss',
    lines: { adversarial: 'autoencoder', discriminator: 'discriminator' },
  },
  {
    title: 'Penalties of the discriminator',
    yLabel: 'without their weights',
    scale: 'log',
    lines: { r1: 'R1', leCam: 'LeCam' },
  },
  {
    title: 'Adaptive weight',
    yLabel: 'factor of the adversarial loss',
    scale: 'log',
    lines: { adaptiveWeight: 'weight' },
  },
  { title: 'PSNR on held-out images', yLabel: 'decibels', event: 'evaluate', lines: { psnr: 'PSNR' } },
  { title: 'Learning rate', yLabel: 'learning rate', lines: { learningRate: 'learning rate' } },
];

/** Numbers of a step that are no loss terms and have no chart of their own. */
const notDrawn: readonly string[] = [
  'step',
  'progress',
  'totalSteps',
  'skippedSteps',
  'examplesPerSecond',
  'elapsedSeconds',
  'remainingSeconds',
  'memoryBytes',
  'loss',
  'gradientNorm',
  'discriminatorGradientNorm',
  'temperature',
  'codebook',
  'resetCodes',
];

/** Returns the chart of loss terms that a caller of the trainer brought along, one line a term. */
function ownTerms(log: readonly TrainingRecord[]): ChartPlan {
  const known = new Set([...notDrawn, ...plans.flatMap(({ lines }) => Object.keys(lines))]);
  const steps = log.filter(({ event }) => event === 'step');
  const names = new Set(
    steps.flatMap((record) =>
      Object.keys(record).filter((name) => typeof record[name] === 'number' && !known.has(name)),
    ),
  );
  const lines = Object.fromEntries([...names].map((name) => [name, name]));
  return { title: 'Further loss terms', yLabel: 'without their weights', lines };
}

/**
 * Returns the curves of a tokenizer's training for `trainingSection`; charts of which nothing was
 * recorded are left out.
 *
 * While the two lines of the discriminator's logits stay apart, the discriminator tells real images
 * from reconstructions. Where the lines diverge without end, the discriminator has won and the
 * autoencoder learns nothing more from it.
 * @param log  by ascending step
 */
export function tokenizerCharts(log: readonly TrainingRecord[]): LineChartOptions[] {
  return [...plans, ownTerms(log)]
    .map(({ lines, event = 'step', ...plan }) => ({
      ...plan,
      xLabel: 'step',
      series: Object.entries(lines)
        .map(([value, name]): Series => ({ name, points: pointsOf(log, event, value) }))
        .filter((series) => canDraw({ series: [series], ...plan })),
    }))
    .filter(canDraw);
}

function pointsOf(log: readonly TrainingRecord[], event: string, name: string): Series['points'] {
  return log.flatMap((record) => {
    const value = record.event === event ? record[name] : undefined;
    return typeof value === 'number' ? [[record.step, value] as const] : [];
  });
}
