import {
  CODEBOOK_SIZE,
  KINDS,
  TREATMENT_TEXTS,
  TREATMENTS,
  VARIANTS,
  variantOf,
  type Kind,
  type Treatment,
  type Variant,
} from './config.js';
import { formatDifference, formatEstimate, isClear, type Estimate } from './estimate.js';
import type { Table } from './markdown-table.js';
import { METRICS, type Metric } from './metrics.js';
import type { Study } from './study.js';

/** What each kind is, as a config has it without resets. */
export function kindTable(): Table {
  const rows = KINDS.map((kind) => [kind.title, kind.source, `\`${configText(kind)}\``]);
  return { columns: ['quantizer', 'of', 'config'], texts: 3, rows };
}

function configText({ quantizer }: Kind): string {
  const { kind, ...fields } = quantizer(false);
  const texts = Object.entries({ kind, ...fields })
    .filter(([name]) => name !== 'trackUsage')
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? `[${value.join(', ')}]` : value}`);
  return `{ ${texts.join(', ')} }`;
}

/** Every variant at the end of its trainings; treatments that a kind does not have, with why. */
export function endTable(study: Study): Table {
  const rows = KINDS.flatMap((kind) => {
    const missing = TREATMENTS.filter((treatment) => !kind.treatments.includes(treatment));
    const own = VARIANTS.filter((variant) => variant.kind === kind).map((variant) => endRow(study, variant));
    if (missing.length === 0) return own;
    const names = missing.map((treatment) => TREATMENT_TEXTS[treatment]).join(', ');
    return [...own, [kind.title, `${names}: none, ${kind.why}`, '–', '–', '–', '–']];
  });
  const columns = ['quantizer', 'treatment', `dead codes of ${CODEBOOK_SIZE}`, 'usage', 'perplexity', 'PSNR (dB)'];
  return { columns, texts: 2, rows };
}

function endRow(study: Study, variant: Variant): string[] {
  const dead = study.end(variant, 'deadCodes');
  const usage = { mean: 100 - percent(dead.mean), low: 100 - percent(dead.high), high: 100 - percent(dead.low) };
  return [
    variant.kind.title,
    TREATMENT_TEXTS[variant.treatment],
    formatEstimate(dead, METRICS.deadCodes.digits),
    `${formatEstimate(usage, 1)} %`,
    formatEstimate(study.end(variant, 'perplexity'), METRICS.perplexity.digits),
    formatEstimate(study.end(variant, 'psnr'), METRICS.psnr.digits),
  ];
}

function percent(codes: number): number {
  return (100 * codes) / CODEBOOK_SIZE;
}

/** Pairs of treatments that are compared. */
const COMPARED: readonly (readonly [Treatment, Treatment])[] = [
  ['data', 'as is'],
  ['resets', 'as is'],
  ['both', 'as is'],
  ['both', 'data'],
  ['both', 'resets'],
];

/** By how much treatments change a kind; differences whose sign is clear are bold. */
export function differenceTable(study: Study): Table {
  const rows = KINDS.flatMap((kind) =>
    COMPARED.filter((pair) => pair.every((treatment) => kind.treatments.includes(treatment))).map(([one, other]) => [
      kind.title,
      `${TREATMENT_TEXTS[one]} against ${TREATMENT_TEXTS[other]}`,
      ...(Object.keys(METRICS) as Metric[]).map((metric) =>
        differenceText(study.difference(variantOf(kind, one), variantOf(kind, other), metric), METRICS[metric].digits),
      ),
    ]),
  );
  return { columns: ['quantizer', 'change', 'dead codes', 'perplexity', 'PSNR (dB)'], texts: 2, rows };
}

function differenceText(estimate: Estimate, digits: number): string {
  const text = formatDifference(estimate, digits);
  return isClear(estimate) ? `**${text}**` : text;
}
