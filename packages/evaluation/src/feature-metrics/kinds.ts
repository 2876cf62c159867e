import { foldIn, maximumSize, mean, parseOptions, type RandomKey } from '@vitvq/core';
import { z } from 'zod';
import type { MetricCard } from '../cards/metric-card.js';
import {
  bootstrapInterval,
  jackknifeInterval,
  splitsInterval,
  subsetsInterval,
  type ConfidenceInterval,
} from '../confidence-interval.js';
import { combineStatistics } from '../features/feature-moments.js';
import { frechetDistanceFrom } from '../features/frechet-distance.js';
import { inceptionScore } from '../features/inception-score.js';
import { kernelDistance } from '../features/kernel-distance.js';
import { manifoldMetrics, type ManifoldMetrics } from '../features/manifold-metrics.js';
import type { MeasuredImages, Needs } from './measured-images.js';

/** A figure with what its card says of it alone. */
export interface Figure extends Pick<MetricCard, 'metric' | 'value' | 'settings' | 'floor'> {
  readonly interval: ConfidenceInterval | null;
  /** Whether the figure compares with real images. */
  readonly usesReference: boolean;
}

/** Features of both sides, and randomness of the metric's own. */
export interface Sides {
  readonly real: MeasuredImages;
  readonly generated: MeasuredImages;
  readonly key: RandomKey;
  readonly signal: AbortSignal | undefined;
}

/** A metric of features: one row of the table of kinds. */
interface FeatureMetricKind<S extends z.ZodType> {
  /** Schema of the config; it fills in the defaults. */
  readonly schema: S;
  /** Returns what the metric keeps of real and of generated images. */
  readonly needs: (config: z.output<S>) => { readonly real: Partial<Needs>; readonly generated: Partial<Needs> };
  /** Computes the figures. */
  readonly measure: (config: z.output<S>, sides: Sides) => Figure[] | Promise<Figure[]>;
}

const row = <S extends z.ZodType>(kind: FeatureMetricKind<S>): FeatureMetricKind<S> => kind;

const count = z.int().min(1).max(maximumSize);
const pooled = { real: { pooled: true }, generated: { pooled: true } };

/** Metrics of features that a config reaches by name. */
export const featureMetricKinds = {
  'frechet-distance': row({
    schema: z.strictObject({
      kind: z.literal('frechet-distance'),
      /** Groups of images that the jackknife leaves out in turn; 0 leaves out the interval. */
      groups: z.int().min(0).max(1000).default(10),
    }),
    needs: ({ groups }) => ({ real: { groups: 2 }, generated: { groups: Math.max(1, groups) } }),
    measure: measureFrechet,
  }),
  'kernel-distance': row({
    schema: z.strictObject({
      kind: z.literal('kernel-distance'),
      subsets: count.default(100),
      /** At most the images that there are. */
      subsetSize: z.int().min(2).max(maximumSize).default(1000),
      degree: count.default(3),
    }),
    needs: () => pooled,
    measure: ({ kind, subsets, subsetSize: wanted, degree }, { real, generated, key }) => {
      const subsetSize = Math.min(wanted, real.count, generated.count);
      const distance = kernelDistance(real.pooled, generated.pooled, { subsets, subsetSize, degree, key });
      const settings = { subsets, subsetSize, degree };
      return [figure(kind, distance.mean, subsetsInterval(distance.subsets), settings)];
    },
  }),
  'inception-score': row({
    schema: z.strictObject({ kind: z.literal('inception-score'), splits: count.default(10) }),
    needs: () => ({ real: {}, generated: { logits: true } }),
    measure: ({ kind, splits }, { generated, key }) => {
      const score = inceptionScore(generated.logits, { splits, key });
      return [{ ...figure(kind, score.mean, splitsInterval(score.splits), { splits }), usesReference: false }];
    },
  }),
  'precision-recall': row({
    schema: z.strictObject({ kind: z.literal('precision-recall'), neighbors: count.default(3) }),
    needs: () => pooled,
    measure: ({ neighbors }, sides) => measureManifold(['precision', 'recall'], neighbors, sides),
  }),
  'density-coverage': row({
    schema: z.strictObject({ kind: z.literal('density-coverage'), neighbors: count.default(5) }),
    needs: () => pooled,
    measure: ({ neighbors }, sides) => measureManifold(['density', 'coverage'], neighbors, sides),
  }),
  'class-accuracy': row({
    schema: z.strictObject({ kind: z.literal('class-accuracy') }),
    needs: () => ({ real: {}, generated: { logits: true, labels: true } }),
    measure: ({ kind }, { generated, key }) => {
      const { hits } = generated;
      return [{ ...figure(kind, mean(hits), bootstrapInterval(hits, { key }), {}), usesReference: false }];
    },
  }),
};

/** Name of a metric of features. */
export type FeatureMetricName = keyof typeof featureMetricKinds;

type Schema = (typeof featureMetricKinds)[FeatureMetricName]['schema'];

/** Config of a metric of features, as data that JSON holds. */
export type FeatureMetricConfig = z.input<Schema>;

/** Schema of {@link FeatureMetricConfig}; it fills in the defaults. */
export const featureMetricSchema = z.discriminatedUnion(
  'kind',
  Object.values(featureMetricKinds).map(({ schema }) => schema) as unknown as readonly [Schema, ...Schema[]],
);

/** Metrics to measure, ready to be asked for their needs and then for their figures. */
export class FeatureMetrics {
  readonly #configs: readonly z.output<Schema>[];

  /**
   * @param metrics  names, or configs where the defaults do not do
   * @throws {ConfigError} that lists every problem of a config
   */
  constructor(metrics: readonly (FeatureMetricName | FeatureMetricConfig)[], where: string) {
    this.#configs = metrics.map((metric) =>
      parseOptions(featureMetricSchema, typeof metric === 'string' ? { kind: metric } : metric, `${where}, metrics`),
    );
  }

  /** Returns what all metrics together keep of one side. */
  needs(side: 'real' | 'generated'): Needs {
    const needs = this.#configs.map((config): Partial<Needs> => rowOf(config).needs(config)[side]);
    return {
      groups: Math.max(0, ...needs.map(({ groups = 0 }) => groups)),
      pooled: needs.some((own) => own.pooled),
      logits: needs.some((own) => own.logits),
      labels: needs.some((own) => own.labels),
    };
  }

  /** Computes all figures, a metric at a time. */
  async measure(sides: Sides): Promise<Figure[]> {
    const figures: Figure[] = [];
    const kinds = Object.keys(featureMetricKinds);
    for (const config of this.#configs) {
      await pause(sides.signal);
      const key = foldIn(sides.key, kinds.indexOf(config.kind));
      figures.push(...(await rowOf(config).measure(config, { ...sides, key })));
    }
    return figures;
  }
}

function rowOf(config: z.output<Schema>): FeatureMetricKind<Schema> {
  return featureMetricKinds[config.kind];
}

function figure(
  metric: MetricCard['metric'],
  value: number,
  interval: ConfidenceInterval | undefined,
  settings: Figure['settings'],
): Figure {
  return { metric, value, interval: interval ?? null, settings, floor: null, usesReference: true };
}

async function measureFrechet(
  { groups: wanted }: { readonly groups: number },
  { real, generated, signal }: Sides,
): Promise<Figure[]> {
  const [first, second] = real.halves;
  const floor = { value: frechetDistanceFrom(first)(second), images: [first.count, second.count] as [number, number] };
  const distanceTo = frechetDistanceFrom(combineStatistics([first, second]));
  const value = distanceTo(generated.statistics);
  const groups = wanted > 1 ? generated.groups : [];
  const without: number[] = [];
  for (const group of groups) {
    await pause(signal);
    without.push(distanceTo(combineStatistics(groups.filter((other) => other !== group))));
  }
  const interval = jackknifeInterval(value, without);
  // Student's interval is symmetric and does not know that no distance is below 0.
  const possible = interval && { ...interval, low: Math.max(0, interval.low) };
  return [{ ...figure('frechet-distance', value, possible, {}), floor }];
}

function measureManifold(
  names: readonly (keyof ManifoldMetrics['ofImages'])[],
  neighbors: number,
  { real, generated, key }: Sides,
): Figure[] {
  const { ofImages } = manifoldMetrics(real.pooled, generated.pooled, { neighbors });
  return names.map((name, place) => {
    const interval = bootstrapInterval(ofImages[name], { key: foldIn(key, place) });
    return figure(name, mean(ofImages[name]), interval, { neighbors });
  });
}

/** Lets other work run, such as a signal that ends this one. */
async function pause(signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
}
