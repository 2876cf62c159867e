import { nameOfFigure, type MetricCard } from '@vitvq/evaluation';
import type { ReportSection } from '@vitvq/report';
import type { EvaluationResult } from '../stages/evaluation-stage.js';

/** Shows the figures of real, reconstructed and generated images side by side. */
export function cardsSection({ cards, proxyAccuracy }: EvaluationResult): ReportSection {
  const names = [...new Set(cards.map(nameOfFigure))];
  const rows = names.map((name) => {
    const ofName = cards.filter((card) => nameOfFigure(card) === name);
    const figureOf = (subject: MetricCard['subject']): string => {
      const card = ofName.find((each) => each.subject === subject);
      return card === undefined ? '' : formatFigure(card);
    };
    return [name, realFigure(ofName, proxyAccuracy), figureOf('reconstructed'), figureOf('generated')];
  });
  const extractor = cards.find((card) => card.extractor !== null)?.extractor;
  const basis =
    extractor === undefined || extractor === null
      ? ''
      : ` Features are those of ${extractor.name} (${extractor.hash.slice(0, 12)}).` +
        (extractor.isProxy
          ? ' It was trained on the images of this run: its figures rank models of one data set, and are no FID.'
          : '');
  return {
    title: 'Figures',
    blocks: [
      {
        kind: 'table',
        columns: ['', 'real', 'reconstructed', 'generated'],
        rows,
        caption:
          `On ${cards[0]?.measured.images ?? 0} held-out images, with 95 % intervals where they can be told. The real ` +
          `images' Fréchet distance is that of two disjoint halves from each other: the floor.${basis}`,
      },
    ],
  };
}

function realFigure(cards: readonly MetricCard[], proxyAccuracy: number | null): string {
  const floor = cards.find((card) => card.floor !== null)?.floor;
  if (floor) return shortly(floor.value);
  return cards.some(({ metric }) => metric === 'class-accuracy') && proxyAccuracy !== null
    ? shortly(proxyAccuracy)
    : '';
}

function formatFigure({ value, interval }: MetricCard): string {
  return interval === null
    ? shortly(value)
    : `${shortly(value)} (${shortly(interval.low)} to ${shortly(interval.high)})`;
}

function shortly(value: number): string {
  return String(Number(value.toPrecision(4)));
}
