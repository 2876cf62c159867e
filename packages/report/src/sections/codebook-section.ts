import { codebookRows, usedCodes } from '../internal/codebook-rows.js';
import { formatInteger, formatSignificant } from '../internal/format.js';
import type { ReportSection } from '../report-content.js';
import type { CodebookUsageFacts } from '../report-facts.js';

/** Facts about the codes themselves; `codebookReport` of @vitvq/quantizers returns them. */
export interface CodebookReportFacts {
  readonly closest?:
    | {
        /** Pairs of codes, nearest first. */
        readonly pairs: readonly { readonly codes: readonly [number, number]; readonly distance: number }[];
        /** Codes with another code within `threshold`. */
        readonly duplicates: readonly number[];
        readonly threshold: number;
      }
    | undefined;
  /** Advice in plain sentences. */
  readonly advice: readonly { readonly text: string }[];
}

/** Options of {@link codebookSection}. */
export interface CodebookSectionOptions {
  /** Use of the codes by a set of images. */
  readonly codebook: CodebookUsageFacts & { readonly counts: ArrayLike<number> };
  /** Number of the images. */
  readonly images: number;
  /** Adds pairs of codes that are alike, and advice. */
  readonly report?: CodebookReportFacts;
}

/** Shows how often each code is used, from the most to the least frequent. */
export function codebookSection({ codebook, images, report }: CodebookSectionOptions): ReportSection {
  const { counts } = codebook;
  const most = Array.from(counts).reduce((highest, count) => Math.max(highest, count), 0);
  return {
    title: 'Codebook',
    blocks: [
      {
        kind: 'charts',
        charts: [
          {
            chart: {
              type: 'rank',
              title: 'How often each code is used',
              counts,
              xLabel: 'codes, most frequent first',
              yLabel: 'occurrences',
            },
            alt: `${formatInteger(usedCodes(counts))} of ${formatInteger(counts.length)} codes are used; the most frequent one ${formatInteger(most)} times.`,
            caption: `Over all ${formatInteger(images)} images. The closer to the dashed line, the more evenly the codebook is used.`,
            file: 'codebook-usage.png',
          },
        ],
      },
      { kind: 'table', rows: [...codebookRows(codebook), ...closestRows(report?.closest)] },
      ...(report?.advice ?? []).map(({ text }) => ({ kind: 'text' as const, text })),
    ],
  };
}

function closestRows(closest: CodebookReportFacts['closest']): string[][] {
  if (!closest) return [];
  const { pairs, duplicates, threshold } = closest;
  return [
    [
      'Closest codes',
      pairs.map(({ codes, distance }) => `${codes.join(' and ')} (${formatSignificant(distance)})`).join(', '),
    ],
    [
      'Codes that are alike',
      `${formatInteger(duplicates.length)} within ${formatSignificant(threshold)} of another code`,
    ],
  ];
}
