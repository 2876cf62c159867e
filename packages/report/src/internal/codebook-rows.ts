import { formatPercent } from '@vitvq/core';
import type { CodebookUsageFacts } from '../report-facts.js';
import { formatInteger } from './format.js';

/** Returns the number of codes that are used at least once. */
export function usedCodes(counts: ArrayLike<number>): number {
  return Array.from(counts).filter((count) => count > 0).length;
}

/** Returns the rows of a table about the use of a codebook. */
export function codebookRows({ usage, paperUsage, perplexity, counts }: CodebookUsageFacts): string[][] {
  const used = counts
    ? `${formatInteger(usedCodes(counts))} of ${formatInteger(counts.length)} (${formatPercent(usage)})`
    : formatPercent(usage);
  return [
    ['Codes used', used],
    ...(paperUsage === undefined ? [] : [['Used by a batch of 256 images', `${formatPercent(paperUsage)} on average`]]),
    ['Perplexity', `${perplexity.toFixed(1)}: as diverse as that many codes used evenly`],
  ];
}
