import { formatCards, type MetricCard } from '@vitvq/evaluation';

const titles = { reconstructed: 'Reconstructed images', generated: 'Generated images' } as const;

/**
 * Returns cards as lines for a terminal: the figures of reconstructed images, then of generated
 * ones.
 */
export function formatFigures(cards: readonly MetricCard[]): string {
  return (['reconstructed', 'generated'] as const)
    .flatMap((subject) => {
      const ofSubject = cards.filter((card) => card.subject === subject);
      return ofSubject.length === 0 ? [] : [`${titles[subject]}\n${formatCards(ofSubject)}`];
    })
    .join('\n\n');
}
