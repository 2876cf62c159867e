import { assertInteger, parseOptions } from '@vitvq/core';
import type { FeatureExtractor } from '../feature-extractor.js';
import { versions } from '../versions.js';
import { metricCardSchema, type MetricCard } from './metric-card.js';

/** Circumstances of a measurement, as the caller tells them. */
export interface Circumstances {
  /** Decides every draw of the metrics. */
  readonly seed: number;
  /** Scale of classifier-free guidance of generated images. @default null, none */
  readonly guidance?: number | null;
  /**
   * How generated images were drawn otherwise, such as temperature and number of candidates.
   * @default {}, not told
   */
  readonly drawing?: MetricCard['drawing'];
  /** How the images were scaled and cropped before, in words. @default null, not told */
  readonly resize?: string | null;
}

/** What the cards of one measurement share. */
export interface CardBasis extends Required<Circumstances> {
  readonly subject: MetricCard['subject'];
  readonly measured: MetricCard['measured'];
  readonly reference: MetricCard['measured'];
  readonly imageSize: readonly [number, number];
}

/** What a card says of its figure alone. */
export interface CardFigure extends Pick<MetricCard, 'metric' | 'value' | 'interval' | 'settings' | 'floor'> {
  readonly extractor: Omit<FeatureExtractor, 'features'> | null;
  /** Whether the figure compares with real images. */
  readonly usesReference: boolean;
}

/** Fills in what the caller did not tell. @throws {ConfigError} for a seed that is none */
export function circumstancesOf(
  { seed, guidance = null, drawing = {}, resize = null }: Circumstances,
  where: string,
): Required<Circumstances> {
  assertInteger(seed, 'seed', where, 0, Number.MAX_SAFE_INTEGER);
  return { seed, guidance, drawing, resize };
}

/** Returns the card of a figure. @throws {ConfigError} listing every problem */
export function createCard(figure: CardFigure, basis: CardBasis, where: string): MetricCard {
  const { extractor, usesReference, ...own } = figure;
  const { measured, reference, imageSize, ...circumstances } = basis;
  const card = {
    format: 'vitvq metric card, version 1',
    ...own,
    ...circumstances,
    extractor: extractor && describeExtractor(extractor),
    reference: usesReference ? reference : null,
    measured,
    imageSize: [...imageSize],
    versions: versions(),
  };
  return parseOptions(metricCardSchema, card, `${where}, card`);
}

function describeExtractor({ name, hash, inputSize, resize, isProxy = false }: Omit<FeatureExtractor, 'features'>) {
  const rule = typeof resize === 'object' ? JSON.stringify(resize) : (resize ?? null);
  return { name, hash, inputSize: [...inputSize], resize: rule, isProxy };
}
