import { canDraw, type LineChartOptions, type Series } from './line-chart.js';

/** What a step of training reported, such as a line of `metrics.jsonl`. */
export interface TrainingRecord {
  readonly step: number;
  /**
   * By the names of `@vitvq/stage1`: `l1`, `l2`, `logitLaplace`, `perceptual`, `quantizer`, `adversarial`, `adaptiveWeight`;
   * of the discriminator `discriminator`, `logitsReal`, `logitsFake`, `r1`, `leCam`. Others are passed over, and none need be in
   * every record.
   */
  readonly values: Readonly<Record<string, number>>;
}

type ChartPlan = Pick<LineChartOptions, 'title' | 'yLabel' | 'scale'> & {
  /** Names of values to names of lines. */
  readonly lines: Readonly<Record<string, string>>;
};

const plans: readonly ChartPlan[] = [
  {
    title: 'Loss terms',
    yLabel: 'without their weights',
    scale: 'log',
    lines: { l1: 'L1', l2: 'L2', perceptual: 'perceptual', quantizer: 'quantizer' },
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
];

/**
 * The curves of a training with several loss terms and a discriminator, for `stage1Report` or a block of charts; charts of
 * which nothing was recorded are left out. While the two lines of the discriminator's logits stay apart it can tell real images
 * from reconstructions; where they run away from each other it has won, and the autoencoder learns nothing from it any more.
 * @param records  by ascending step
 */
export function stage1Charts(records: readonly TrainingRecord[]): LineChartOptions[] {
  return plans
    .map(({ lines, ...plan }) => ({
      ...plan,
      xLabel: 'step',
      series: Object.entries(lines).flatMap(([value, name]): Series[] => {
        const points = records.flatMap(({ step, values }) =>
          values[value] === undefined ? [] : [[step, values[value]] as const],
        );
        return canDraw({ series: [{ name, points }], ...plan }) ? [{ name, points }] : [];
      }),
    }))
    .filter(canDraw);
}
