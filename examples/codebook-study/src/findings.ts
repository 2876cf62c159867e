import {
  CODEBOOK_SIZE,
  FIXED,
  KINDS,
  RESETTABLE,
  STARTED,
  TREATMENT_TEXTS,
  variantOf,
  type Kind,
  type Treatment,
  type Variant,
} from './config.js';
import { formatDifference, formatEstimate, isClear } from './estimate.js';
import { METRICS, type Metric } from './metrics.js';
import type { Study } from './study.js';

const LEARNED = [...RESETTABLE, ...STARTED];

/**
 * Returns what follows from the study: claims, their figures, and where these leave no doubt. The
 * claims were written once the figures were known; where those of another study do not show them,
 * it says so.
 */
export function findings(study: Study): string[] {
  const ends = (metric: Metric, kinds: readonly Kind[], treatment: Treatment = 'as is'): string =>
    kinds
      .map(
        (kind) =>
          `${kind.title} ${formatEstimate(study.end(variantOf(kind, treatment), metric), METRICS[metric].digits)}`,
      )
      .join(', ');
  const change = (metric: Metric, sign: 1 | -1, one: Treatment, other: Treatment): string =>
    compare(
      study,
      metric,
      sign,
      RESETTABLE.map((kind) => [kind.title, variantOf(kind, one), variantOf(kind, other)]),
    );
  const besidePlain = (name: string, metric: Metric, sign: 1 | -1, treatments: readonly Treatment[]): string =>
    compare(
      study,
      metric,
      sign,
      treatments.map((treatment) => [
        TREATMENT_TEXTS[treatment],
        variantOf(kindOf(name), treatment),
        variantOf(kindOf('plain'), treatment),
      ]),
    );
  const plainBoth = variantOf(kindOf('plain'), 'both');
  return [
    `**Left alone, codes that are learned die.** Dead of ${CODEBOOK_SIZE}: ${ends('deadCodes', LEARNED)}.`,
    `**Resets keep nearly all of them, and images gain.** Dead with resets: ${ends('deadCodes', RESETTABLE, 'resets')}. PSNR, against as is: ${change('psnr', 1, 'resets', 'as is')}.`,
    `**A start from data alone does less than resets alone.** Dead with it: ${ends('deadCodes', RESETTABLE, 'data')}. PSNR of resets, against it: ${change('psnr', 1, 'resets', 'data')}.`,
    `**Both together make the best images.** PSNR, against resets alone: ${change('psnr', 1, 'both', 'resets')}.`,
    `**Normalising codes does not replace resets, and costs quality beside them.** Dead codes, against plain: ${besidePlain('l2', 'deadCodes', -1, ['as is'])}. PSNR, against plain: ${besidePlain('l2', 'psnr', 1, ['as is'])}; ${besidePlain('l2', 'psnr', -1, ['both'])}.`,
    `**The rotation trick saves no codes by itself.** Dead codes, against plain: ${besidePlain('rotation', 'deadCodes', -1, ['as is'])}. PSNR, against plain: ${besidePlain('rotation', 'psnr', 1, ['as is', 'both'])}.`,
    `**Gradients that reach all codes are no insurance in a short training.** Dead, as is: ${ends('deadCodes', STARTED)}; with a start from data: ${ends('deadCodes', STARTED, 'data')}.`,
    `**Use is not quality.** Dead of fixed codes: ${ends('deadCodes', FIXED)}. PSNR, against plain with both: ${compare(
      study,
      'psnr',
      -1,
      FIXED.map((kind) => [kind.title, variantOf(kind, 'as is'), plainBoth]),
    )}.`,
  ];
}

function kindOf(name: string): Kind {
  return KINDS.find((kind) => kind.name === name)!;
}

/** Returns differences, and where they leave no doubt that they have the sign. */
function compare(
  study: Study,
  metric: Metric,
  sign: 1 | -1,
  pairs: readonly (readonly [title: string, one: Variant, other: Variant])[],
): string {
  const differences = pairs.map(([title, one, other]) => ({ title, difference: study.difference(one, other, metric) }));
  const texts = differences.map(
    ({ title, difference }) => `${title} ${formatDifference(difference, METRICS[metric].digits)}`,
  );
  const clear = differences.filter(({ difference }) => isClear(difference) && Math.sign(difference.mean) === sign);
  const verdict =
    clear.length === differences.length
      ? 'clear'
      : clear.length === 0
        ? 'NOT clear'
        : `clear for ${clear.map(({ title }) => title).join(', ')} alone`;
  return `${texts.join(', ')} (${verdict})`;
}
