import { printable } from '@vitvq/core';
import { formatSettings, nameOfFigure, type MetricCard } from './metric-card.js';

/**
 * Returns cards as lines for a terminal: each figure with its interval, the floor of a Fréchet
 * distance beside it, and below all of them what was measured with what.
 */
export function formatCards(cards: readonly MetricCard[]): string {
  const figures = cards.map((card) => ({ name: nameOfFigure(card), text: formatFigure(card) }));
  const width = Math.max(0, ...figures.map(({ name }) => name.length));
  const lines = figures.map(({ name, text }) => `${name.padEnd(width)}  ${text}`);
  return [...lines, ...new Set(cards.map(formatBasis))].map(printable).join('\n');
}

function formatFigure({ value, interval, floor }: MetricCard): string {
  const parts = [shortly(value)];
  if (interval) parts.push(`(95 %: ${shortly(interval.low)} to ${shortly(interval.high)}, ${interval.method})`);
  if (floor) parts.push(`floor, real against real: ${shortly(floor.value)} (${floor.images.join(' and ')} images)`);
  return parts.join('  ');
}

function formatBasis({ subject, measured, reference, extractor, imageSize, guidance, drawing }: MetricCard): string {
  const parts = [`${measured.images} ${subject} images of ${imageSize.join(' x ')} pixels`];
  if (reference) parts.push(`${reference.images} real images (${reference.hash.slice(0, 12)})`);
  if (extractor) parts.push(`features of ${extractor.name} (${extractor.hash.slice(0, 12)})`);
  if (guidance !== null) parts.push(`guidance ${guidance}`);
  if (Object.keys(drawing).length > 0) parts.push(formatSettings(drawing));
  return parts.join(', ');
}

function shortly(value: number): string {
  return String(Number(value.toPrecision(4)));
}
