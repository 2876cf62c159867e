import { assertOneOf, checkOptions, ConfigError, formatShape, type OptionTable } from '@vitvq/core';
import { formatSettings, metrics, nameOfFigure, type MetricCard } from './metric-card.js';

/** What must be the same in two cards, in words, by name of the condition. */
const conditions = {
  metric: ({ metric }: MetricCard): string => metric,
  subject: ({ subject }: MetricCard): string => `${subject} images`,
  extractor: ({ extractor }: MetricCard): string =>
    extractor ? `${extractor.name}, weights ${extractor.hash.slice(0, 12)}` : 'none',
  reference: ({ reference }: MetricCard): string =>
    reference ? `${reference.images} images, hash ${reference.hash.slice(0, 12)}` : 'none',
  images: ({ measured }: MetricCard): string => `${measured.images} images`,
  imageSize: ({ imageSize }: MetricCard): string => formatShape(imageSize),
  resize: ({ resize }: MetricCard): string => resize ?? 'not told',
  guidance: ({ guidance }: MetricCard): string => (guidance === null ? 'none' : String(guidance)),
  drawing: ({ drawing }: MetricCard): string => formatSettings(drawing),
  settings: ({ settings }: MetricCard): string => formatSettings(settings),
} as const satisfies Record<string, (card: MetricCard) => string>;

/** Words of a condition in messages. */
const conditionNames: Readonly<Record<CardCondition, string>> = {
  metric: 'metric',
  subject: 'kind of images',
  extractor: 'extractor',
  reference: 'reference set',
  images: 'number of images',
  imageSize: 'size of the images',
  resize: 'resizing',
  guidance: 'guidance',
  drawing: 'drawing',
  settings: 'settings',
};

/** Something that must be the same in two cards. */
export type CardCondition = keyof typeof conditions;

/** Options of {@link compareCards}. */
export interface CompareCardsOptions {
  /** Conditions that may differ, where their effect is what is compared. @default none */
  readonly allow?: readonly Exclude<CardCondition, 'metric'>[];
}

const compareCardsOptionNames: OptionTable<CompareCardsOptions> = { allow: 'optional' };

/** A comparison of two figures. */
export interface CardComparison {
  /** Name of the figures. */
  readonly name: string;
  /** Second figure minus first. */
  readonly difference: number;
  /** Which card is better; null where they are equal, or the metric has no better figure. */
  readonly better: 'first' | 'second' | null;
  /** Whether the confidence intervals lie apart; null where a card has none. */
  readonly isClear: boolean | null;
  /** What a reader must know, such as different versions. */
  readonly notes: readonly string[];
}

/**
 * Compares two figures that were measured in the same way. Seeds and versions may differ, which is
 * noted.
 * @throws {ConfigError} with each reason why the cards do not fit each other
 */
export function compareCards(first: MetricCard, second: MetricCard, options: CompareCardsOptions = {}): CardComparison {
  const where = 'compareCards';
  const { allow = [] } = checkOptions(options, compareCardsOptionNames, where);
  const names = Object.keys(conditions) as CardCondition[];
  for (const name of allow) {
    assertOneOf(
      name,
      names.filter((condition) => condition !== 'metric'),
      'what allow names',
      where,
    );
  }
  const allowed: readonly CardCondition[] = allow;
  const differing = names.filter((name) => factOf(first, name) !== factOf(second, name));
  const misfits = differing.filter((name) => !allowed.includes(name));
  if (misfits.length > 0) {
    const got = misfits.map((name) => describeDifference(name, first, second)).join('; ');
    throw new ConfigError({
      where,
      expected: 'cards that were measured in the same way',
      got,
      fix: 'Measure one of them again under the conditions of the other.',
    });
  }
  const notes = differing.map((name) => `The cards differ in ${describeDifference(name, first, second)}.`);
  if (first.seed !== second.seed) notes.push(`The seeds differ: ${first.seed} and ${second.seed}.`);
  for (const name of new Set([...Object.keys(first.versions), ...Object.keys(second.versions)])) {
    const [a = 'none', b = 'none'] = [first.versions[name], second.versions[name]];
    if (a !== b) notes.push(`Versions of ${name} differ: ${a} and ${b}.`);
  }
  const difference = second.value - first.value;
  const direction = metrics[first.metric].better;
  const isHigher = difference > 0;
  return {
    name: nameOfFigure(first),
    difference,
    better: difference === 0 || !direction ? null : isHigher === (direction === 'higher') ? 'second' : 'first',
    isClear: areApart(first.interval, second.interval),
    notes,
  };
}

/** Returns what must be equal: whole hashes, of which the words show the beginning. */
function factOf(card: MetricCard, name: CardCondition): string {
  const hashes = { extractor: card.extractor?.hash, reference: card.reference?.hash } as const;
  return `${conditions[name](card)} ${(name in hashes && hashes[name as keyof typeof hashes]) || ''}`;
}

function describeDifference(name: CardCondition, first: MetricCard, second: MetricCard): string {
  return `${conditionNames[name]}: ${conditions[name](first)} and ${conditions[name](second)}`;
}

function areApart(a: MetricCard['interval'], b: MetricCard['interval']): boolean | null {
  return a && b ? a.low > b.high || b.low > a.high : null;
}
