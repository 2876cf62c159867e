import { checkOptions, formatPercent, type OptionTable } from '@vitvq/core';
import { codebookRows, usedCodes } from '../internal/codebook-rows.js';
import { formatInteger, formatSignificant } from '../internal/format.js';
import type { ReportBlock, ReportChart, ReportSection, TableBlock } from '../report-content.js';
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

/** How a set of images uses a codebook, code by code. */
export type CountedCodebookUsage = CodebookUsageFacts & { readonly counts: ArrayLike<number> };

/** Options of {@link codebookSection}. */
export interface CodebookSectionOptions {
  /** Use of the codes by a set of images, by whatever level of a residual quantizer. */
  readonly codebook: CountedCodebookUsage;
  /** Use of the codes by each level of a residual quantizer. @default codebook alone */
  readonly levels?: readonly CountedCodebookUsage[];
  /** Number of the images. */
  readonly images: number;
  /**
   * Adds pairs of codes that are alike, and advice: one report, or one for each level where each
   * level has codes of its own. `codebookReports` of @vitvq/evaluation returns them.
   */
  readonly reports?: readonly CodebookReportFacts[];
}

const codebookSectionOptionNames: OptionTable<CodebookSectionOptions> = {
  codebook: 'required',
  levels: 'optional',
  images: 'required',
  reports: 'optional',
};

/** Largest number of levels whose use is drawn; the table has all of them. */
const maximumCharts = 8;

/**
 * Shows how often each code is used, from the most to the least frequent, and how many are dead;
 * for a residual quantizer level by level.
 */
export function codebookSection(options: CodebookSectionOptions): ReportSection {
  const { codebook, images, reports = [] } = checkOptions(options, codebookSectionOptionNames, 'codebookSection');
  const { levels = [codebook] } = options;
  const isOfLevels = levels.length > 1;
  const charts = levels
    .slice(0, maximumCharts)
    .map((level, index) => usageChart(level, images, isOfLevels ? index + 1 : undefined));
  const blocks: ReportBlock[] = [{ kind: 'charts', charts }];
  const nameOf = (index: number): string => (reports.length > 1 ? `Level ${index + 1}: ` : '');
  const closest = reports.flatMap((report, index) => closestRows(report.closest, nameOf(index)));
  if (isOfLevels) {
    // Where levels share their codes, a code may be dead for one of them and of use to another.
    blocks.push(levelsTable(levels, reports.length === 1 ? codebook : undefined));
    if (closest.length > 0) blocks.push({ kind: 'table', rows: closest });
  } else {
    const dead = ['Dead codes', formatInteger(deadCodes(levels[0]!))];
    blocks.push({ kind: 'table', rows: [...codebookRows(levels[0]!), dead, ...closest] });
  }
  for (const [index, { advice }] of reports.entries()) {
    for (const { text } of advice) blocks.push({ kind: 'text', text: `${nameOf(index)}${text}` });
  }
  return { title: 'Codebook', blocks };
}

function usageChart({ counts }: CountedCodebookUsage, images: number, level: number | undefined): ReportChart {
  const most = Array.from(counts).reduce((highest, count) => Math.max(highest, count), 0);
  const used = `${formatInteger(usedCodes(counts))} of ${formatInteger(counts.length)} codes are used`;
  const title = 'How often each code is used';
  return {
    chart: {
      type: 'rank',
      title: level === undefined ? title : `${title}, level ${level}`,
      counts,
      xLabel: 'codes, most frequent first',
      yLabel: 'occurrences',
    },
    alt: `${used}; the most frequent one ${formatInteger(most)} times.`,
    caption: `Over all ${formatInteger(images)} images. The closer to the dashed line, the more evenly the codebook is used.`,
    file: level === undefined ? 'codebook-usage.png' : `codebook-usage-level-${level}.png`,
  };
}

function levelsTable(levels: readonly CountedCodebookUsage[], shared: CountedCodebookUsage | undefined): TableBlock {
  const row = (name: string, use: CountedCodebookUsage): string[] => [
    name,
    `${formatInteger(usedCodes(use.counts))} of ${formatInteger(use.counts.length)} (${formatPercent(use.usage)})`,
    formatInteger(deadCodes(use)),
    use.paperUsage === undefined ? '' : formatPercent(use.paperUsage),
    use.perplexity.toFixed(1),
  ];
  return {
    kind: 'table',
    columns: ['level', 'codes used', 'dead codes', 'used by 256 images', 'perplexity'],
    rows: [
      ...levels.map((level, index) => row(String(index + 1), level)),
      ...(shared ? [row('any level', shared)] : []),
    ],
  };
}

function deadCodes({ counts }: CountedCodebookUsage): number {
  return counts.length - usedCodes(counts);
}

function closestRows(closest: CodebookReportFacts['closest'], prefix: string): string[][] {
  if (!closest) return [];
  const { pairs, duplicates, threshold } = closest;
  const named = (text: string): string => (prefix === '' ? text : `${prefix}${text.toLowerCase()}`);
  return [
    [
      named('Closest codes'),
      pairs.map(({ codes, distance }) => `${codes.join(' and ')} (${formatSignificant(distance)})`).join(', '),
    ],
    [
      named('Codes that are alike'),
      `${formatInteger(duplicates.length)} within ${formatSignificant(threshold)} of another code`,
    ],
  ];
}
