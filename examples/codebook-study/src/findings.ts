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
 * claims were written once the figures were known; beside the figures of another study it says
 * whether they show them.
 */
export function findings(study: Study): string[] {
  const ends = (metric: Metric, kinds: readonly Kind[], treatment: Treatment = 'as is'): string =>
    kinds
      .map(
        (kind) =>
          `${kind.title} ${formatEstimate(study.end(variantOf(kind, treatment), metric), METRICS[metric].digits)}`,
      )
      .join(', ');
  const change = (metric: Metric, sign: 1 | -1, one: Treatment, other: Treatment, kinds = RESETTABLE): string =>
    compare(
      study,
      metric,
      sign,
      kinds.map((kind) => [kind.title, variantOf(kind, one), variantOf(kind, other)]),
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
    `**A start from data alone leaves half of the codes dead, or more.** Dead with it: ${ends('deadCodes', RESETTABLE, 'data')}. Dead with resets, against it: ${change('deadCodes', -1, 'resets', 'data')}.`,
    `**Resets add much to a start from data, and it adds little to resets.** PSNR of both, against the start alone: ${change('psnr', 1, 'both', 'data')}; against resets alone: ${change('psnr', 1, 'both', 'resets')}.`,
    `**Normalised codes die less, resets save more, and beside resets normalising gains nothing.** Dead, against plain: ${besidePlain('l2', 'deadCodes', -1, ['as is'])}. PSNR, against plain: ${besidePlain('l2', 'psnr', 1, ['as is', 'both'])}.`,
    `**The rotation trick saves no codes.** Dead, against plain: ${besidePlain('rotation', 'deadCodes', -1, ['as is'])}. PSNR, against plain: ${besidePlain('rotation', 'psnr', 1, ['as is', 'both'])}.`,
    `**Where gradients reach all codes, SimVQ keeps most of them and IBQ, in so few steps, hardly any; data as a start helps neither for certain.** Dead, as is: ${ends('deadCodes', STARTED)}. Dead with the start, against as is: ${change('deadCodes', -1, 'data', 'as is', STARTED)}.`,
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
        ? 'not clear'
        : `clear for ${clear.map(({ title }) => title).join(', ')} alone`;
  return `${texts.join(', ')} (${verdict})`;
}
