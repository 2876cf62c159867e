import { maximumSize } from '@vitvq/core';
import { z } from 'zod';

/** How a figure of a metric is read: its name for people, and whether more is better. */
export interface MetricDescription {
  readonly name: string;
  /** Which of two figures is better; null where neither is. */
  readonly better: 'higher' | 'lower' | null;
}

/** Metrics that compare reconstructions with their originals, or count codes. */
const imageMetrics = {
  psnr: { name: 'PSNR in dB', better: 'higher' },
  ssim: { name: 'SSIM', better: 'higher' },
  'ms-ssim': { name: 'MS-SSIM', better: 'higher' },
  'codebook-usage': { name: 'Codebook usage', better: 'higher' },
  'codebook-perplexity': { name: 'Codebook perplexity', better: 'higher' },
} as const satisfies Record<string, MetricDescription>;

/** Metrics of the features of a trained network, but for the Fréchet distance. */
const featureMetrics = {
  'perceptual-distance': { name: 'Perceptual distance', better: 'lower' },
  'kernel-distance': { name: 'Kernel distance', better: 'lower' },
  'inception-score': { name: 'Inception score', better: 'higher' },
  precision: { name: 'Precision', better: 'higher' },
  recall: { name: 'Recall', better: 'higher' },
  density: { name: 'Density', better: 'higher' },
  coverage: { name: 'Coverage', better: 'higher' },
  'class-accuracy': { name: 'Accuracy of classes', better: 'higher' },
  'clip-score': { name: 'CLIP score', better: 'higher' },
} as const satisfies Record<string, MetricDescription>;

const frechetMetric = { 'frechet-distance': { name: 'Fréchet distance', better: 'lower' } } as const;

/** All metrics that cards hold, by name. */
export const metrics: Readonly<Record<MetricName, MetricDescription>> = {
  ...imageMetrics,
  ...frechetMetric,
  ...featureMetrics,
};

const text = z.string().min(1).max(1000);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(1).max(maximumSize);
const size = z.tuple([count, count]);

const intervalSchema = z.strictObject({
  low: z.number(),
  high: z.number(),
  method: z.enum(['bootstrap', 'splits', 'subsets', 'jackknife']),
});

const extractorSchema = z.strictObject({
  name: text,
  hash,
  inputSize: size,
  resize: text.nullable(),
  isProxy: z.boolean(),
});

const imageSetSchema = z.strictObject({ hash, images: count });

/** Settings by name. */
const settingsSchema = z.record(z.string().max(100), z.union([z.number(), z.string().max(1000), z.boolean()]));

const common = {
  format: z.literal('vitvq metric card, version 1'),
  value: z.number(),
  /** 95 % confidence interval, where one can be told. */
  interval: intervalSchema.nullable(),
  /** Whether the measured images were generated or are reconstructions of the reference. */
  subject: z.enum(['generated', 'reconstructed']),
  /** Images that were compared with; null where a metric needs none. */
  reference: imageSetSchema.nullable(),
  measured: imageSetSchema,
  imageSize: size,
  /** How the images were scaled and cropped before they were measured, in words. */
  resize: text.nullable(),
  seed: z.int().min(0),
  /** Scale of classifier-free guidance of generated images; null without guidance. */
  guidance: z.number().nullable(),
  /** How generated images were drawn otherwise, such as temperature and number of candidates. */
  drawing: settingsSchema.default({}),
  /** Settings of the metric that change its value, such as the number of neighbours. */
  settings: settingsSchema,
  versions: z.record(z.string().max(100), z.string().max(100)),
};

const namesOf = <T extends Record<string, MetricDescription>>(table: T): [keyof T & string, ...(keyof T & string)[]] =>
  Object.keys(table) as [keyof T & string, ...(keyof T & string)[]];

/** Schema of {@link MetricCard}. */
export const metricCardSchema = z.discriminatedUnion('metric', [
  z.strictObject({ metric: z.enum(namesOf(imageMetrics)), ...common, extractor: z.null(), floor: z.null() }),
  z.strictObject({
    metric: z.enum(namesOf(frechetMetric)),
    ...common,
    extractor: extractorSchema,
    reference: imageSetSchema,
    /** Distance of two disjoint halves of the reference: what real images reach. */
    floor: z.strictObject({ value: z.number(), images: size }),
  }),
  z.strictObject({ metric: z.enum(namesOf(featureMetrics)), ...common, extractor: extractorSchema, floor: z.null() }),
]);

/** Name of a metric in cards. */
export type MetricName = keyof typeof imageMetrics | keyof typeof frechetMetric | keyof typeof featureMetrics;

/**
 * One figure with everything that must be the same for another figure to be compared with it, as
 * data that JSON holds. The card of a Fréchet distance has the distance of real images from each
 * other.
 */
export type MetricCard = z.output<typeof metricCardSchema>;

/** Returns the name of a card's figure for people, which says where the network is a proxy. */
export function nameOfFigure({ metric, extractor }: Pick<MetricCard, 'metric' | 'extractor'>): string {
  const { name } = metrics[metric];
  return extractor?.isProxy ? `${name} (proxy)` : name;
}

/** Returns settings in words, in the order of their names; `none` where there are none. */
export function formatSettings(settings: MetricCard['settings']): string {
  const entries = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([name, value]) => `${name} ${value}`).join(', ') || 'none';
}
