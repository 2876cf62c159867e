import { CODEBOOK_SIZE, RESETTABLE, VARIANTS, variantOf, type Treatment } from './config.js';
import type { Study } from './study.js';

/**
 * Figures that the advice of `codebookReport` names, as it writes them: what the kinds whose codes
 * can be reset lie between.
 */
export interface AdviceFigures {
  /** Dead codes after trainings with a treatment. */
  readonly dead: Readonly<Record<Treatment, string>>;
  /** Dead codes of normalised and of plain codes as they are. */
  readonly normalized: string;
  /** Gain of resets in PSNR, in decibels. */
  readonly gain: string;
  /** Codes of all quantizers of the study. */
  readonly codes: string;
}

export function adviceFigures(study: Study): AdviceFigures {
  const dead = (treatment: Treatment): string =>
    rangeOf(
      RESETTABLE.map((kind) => study.end(variantOf(kind, treatment), 'deadCodes').mean),
      0,
    );
  const deadOf = (name: string): string =>
    study
      .end(
        VARIANTS.find((variant) => variant.name === name)!,
        'deadCodes',
      )
      .mean.toFixed(0);
  const gains = RESETTABLE.map(
    (kind) => study.difference(variantOf(kind, 'resets'), variantOf(kind, 'as is'), 'psnr').mean,
  );
  return {
    dead: { 'as is': dead('as is'), data: dead('data'), resets: dead('resets'), both: dead('both') },
    normalized: `${deadOf('l2')} instead of ${deadOf('plain')}`,
    gain: rangeOf(gains, 1),
    codes: String(CODEBOOK_SIZE),
  };
}

function rangeOf(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
}
