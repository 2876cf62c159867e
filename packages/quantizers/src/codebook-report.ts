import { assertShape, type HostTensor } from '@vitvq/core';
import { closestCodes, type ClosestCodes, type ClosestCodesOptions } from './closest-codes.js';
import { codebookStatistics, type CodebookStatistics } from './codebook-statistics.js';

/** What was counted of a codebook; a `CodebookCounter` has both fields. */
export interface CodebookFacts {
  /** How often each of the K codes was chosen over an epoch, or whatever was counted. */
  readonly counts: ArrayLike<number>;
  /** Mean fraction of codes that 256 images use. */
  readonly paperUsage?: number | undefined;
}

/** Options of {@link codebookReport}. */
export interface CodebookReportOptions extends ClosestCodesOptions {
  /** Codes `[K, E]`; without them nothing is said of codes that are alike. */
  readonly codebook?: HostTensor;
  /**
   * Whether the codes are those of a residual quantizer, whose steps get nearer to what is left
   * over without normalised codes: nothing is said against them then. @default false
   */
  readonly isResidual?: boolean;
  /**
   * Whether the codes are fixed, as those of `fsq`, `lfq` and `bsq`, so that nothing can start or
   * reset them. @default false
   */
  readonly hasFixedCodes?: boolean;
}

/** Name of what stands out in a codebook. */
export type CodebookFinding =
  'too-few-tokens' | 'collapsed' | 'dead-codes' | 'uneven' | 'duplicates' | 'full' | 'healthy';

/** One finding and what to do about it. */
export interface CodebookAdvice {
  readonly finding: CodebookFinding;
  /** Plain sentences with the numbers that led to it. */
  readonly text: string;
}

/** Result of {@link codebookReport}. */
export interface CodebookReport extends CodebookStatistics {
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Number of tokens counted. */
  readonly tokens: number;
  readonly paperUsage: number | undefined;
  /** Codes that are alike; undefined without a codebook. */
  readonly closest: ClosestCodes | undefined;
  /** Findings, at least one. */
  readonly advice: readonly CodebookAdvice[];
}

/** With this many tokens a code, drawn evenly, e^-4 = 2 % of the codes are left out by chance. */
const tokensPerCode = 4;
/**
 * In ViT-VQGAN's Table 4, 256 images use 89 % and more of the codebooks that work, and 37 % and
 * less of those that failed; in docs/codebook-health.md 97 % and more of those that were reset, and
 * 50 % and less of those that can be reset and were not.
 */
const collapsedUsage = 0.5;
const deadFraction = 0.05;
const unevenFraction = 0.25;
const duplicateFraction = 0.05;
const fullUsage = 0.99;
const fullEvenness = 0.9;
/** Width of the widest codes that were well used in Table 4. */
const wellUsedDim = 32;
/** Trainings of nine quantizers, which the advice goes by; examples/codebook-study has them. */
const study = 'docs/codebook-health.md';
const fixedCodes =
  'The codes are fixed, so that nothing can start or reset them, and those that are not chosen cost nothing but a larger vocabulary: fewer levels or bits would do.';

/**
 * Returns what is known of a codebook, and advice: usage over 256 images and over all that was
 * counted, perplexity, dead codes, codes that are alike. The advice follows from
 * docs/codebook-health.md, which compares what helps codebooks; its thresholds are rules of thumb
 * around that and ViT-VQGAN's Table 4 (arXiv:2110.04627).
 * @throws {ConfigError} for counts that are negative or not finite
 * @throws {ShapeError} for a codebook that does not have K codes, or has values that are not finite
 */
export function codebookReport(
  { counts, paperUsage }: CodebookFacts,
  {
    codebook,
    normalize = true,
    isResidual = false,
    hasFixedCodes = false,
    ...closestOptions
  }: CodebookReportOptions = {},
): CodebookReport {
  const statistics = codebookStatistics(counts);
  const codebookSize = counts.length;
  if (codebook) {
    const shape = [...codebook.shape];
    assertShape({ shape }, [codebookSize, 'E'], 'codebookReport', 'Give the codebook whose codes were counted.');
  }
  const facts = {
    ...statistics,
    codebookSize,
    tokens: Array.from(counts).reduce((sum, count) => sum + count, 0),
    paperUsage,
    closest: codebook && closestCodes(codebook, { normalize, ...closestOptions }),
  };
  const codes = {
    codeDim: codebook?.shape[1],
    mayNormalize: codebook !== undefined && !normalize && !isResidual,
    hasFixedCodes,
  };
  return { ...facts, advice: advise(facts, codes) };
}

/** What advice depends on beside the counts. */
interface CodeFacts {
  readonly codeDim: number | undefined;
  readonly mayNormalize: boolean;
  readonly hasFixedCodes: boolean;
}

function advise(
  { codebookSize, tokens, usage, perplexity, deadCodes, closest }: Omit<CodebookReport, 'advice'>,
  { codeDim = 0, mayNormalize, hasFixedCodes }: CodeFacts,
): CodebookAdvice[] {
  const advice: CodebookAdvice[] = [];
  const say = (finding: CodebookFinding, ...sentences: (string | false)[]): void => {
    advice.push({ finding, text: sentences.filter(Boolean).join(' ') });
  };
  const used = `${integer(codebookSize - deadCodes.length)} of ${integer(codebookSize)} codes (${percent(usage)})`;
  if (tokens < tokensPerCode * codebookSize) {
    say(
      'too-few-tokens',
      `Only ${integer(tokens)} tokens were counted for ${integer(codebookSize)} codes.`,
      `Count at least ${integer(tokensPerCode * codebookSize)}: fewer leave codes out by chance.`,
    );
  } else if (usage < collapsedUsage) {
    say(
      'collapsed',
      `The codebook collapsed: ${used} are used.`,
      hasFixedCodes
        ? fixedCodes
        : `Reset codes that are not chosen, where the quantizer can (codebook.reset), and start the codes as features (codebook.initialize): in ${study} 337 to 504 of 512 codes died without either, 257 to 422 with the start alone, 1 to 14 with resets alone and 0 to 11 with both.`,
      mayNormalize &&
        'Normalise codes, where the quantizer can (normalize: true) and nothing resets them: 337 instead of 504 died there, and in the paper 96 % instead of 2 % were used; beside resets it gained nothing clear.',
      codeDim > wellUsedDim &&
        `Lower codeDim from ${codeDim} to between 8 and ${wellUsedDim}: in the paper ${wellUsedDim} used 96 % and 256 used 4 %.`,
    );
  } else if (deadCodes.length > deadFraction * codebookSize) {
    say(
      'dead-codes',
      `${integer(deadCodes.length)} codes were never chosen; ${used} are used.`,
      hasFixedCodes
        ? fixedCodes
        : `Reset them while training, where the quantizer can (codebook.reset): in ${study} resets left 1 to 14 of 512 codes dead instead of 337 to 504, and images gained 0.7 to 3.4 dB.`,
    );
  }
  if (tokens >= tokensPerCode * codebookSize && usage >= collapsedUsage) {
    // Where codes are dead, resets make the others more even as well: K need not be smaller.
    const mayRevive = !hasFixedCodes && advice.length > 0;
    if (!mayRevive && perplexity < unevenFraction * codebookSize) {
      say(
        'uneven',
        `A few codes stand for most tokens: all together are as varied as ${integer(perplexity)} equally frequent ones of ${integer(codebookSize)}.`,
        `Plain areas do that; a K of about ${integer(2 ** Math.ceil(Math.log2(2 * perplexity)))} would lose little.`,
      );
    }
    if (usage >= fullUsage && perplexity >= fullEvenness * codebookSize) {
      say(
        'full',
        `${used} are used, nearly evenly (perplexity ${integer(perplexity)}): the size of the codebook is what limits it.`,
        'A larger K, or a ResidualQuantizer with several codes a token, would show more detail.',
      );
    }
  }
  if (closest && closest.duplicates.length > duplicateFraction * codebookSize) {
    say(
      'duplicates',
      `${integer(closest.duplicates.length)} of ${integer(codebookSize)} codes have another one within ${significant(closest.threshold)}.`,
      'They stand for the same features: a smaller K would do, or codes started from clusters (kMeansIterations).',
    );
  }
  if (advice.length === 0) {
    say('healthy', `Nothing stands out: ${used} are used, as varied as ${integer(perplexity)} equally frequent ones.`);
  }
  return advice;
}

/** Returns the report as lines of text. */
export function formatCodebookReport(report: CodebookReport): string {
  const { codebookSize, tokens, usage, paperUsage, perplexity, entropyBits, deadCodes, closest, advice } = report;
  const rows: [string, string][] = [
    ['codes', `${integer(codebookSize)}, ${integer(tokens)} tokens counted`],
    ['used', `${integer(codebookSize - deadCodes.length)} (${percent(usage)})`],
    ...(paperUsage === undefined ? [] : [['used by 256 images', percent(paperUsage)] as [string, string]]),
    [
      'perplexity',
      `${perplexity.toFixed(1)} (${entropyBits.toFixed(2)} of ${Math.log2(codebookSize).toFixed(2)} bits)`,
    ],
  ];
  if (deadCodes.length > 0) rows.push(['dead', someOf(deadCodes)]);
  if (closest) {
    const pairs = closest.pairs.map(({ codes, distance }) => `${codes.join(' and ')} at ${significant(distance)}`);
    rows.push(
      ['closest', pairs.join(', ')],
      ['duplicates', `${integer(closest.duplicates.length)} codes within ${significant(closest.threshold)} of another`],
    );
  }
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    ...rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    ...advice.map(({ text }) => `- ${text}`),
  ].join('\n');
}

function someOf(codes: readonly number[]): string {
  const shown = 10;
  const rest = codes.length - shown;
  return codes.slice(0, shown).join(', ') + (rest > 0 ? ` and ${integer(rest)} more` : '');
}

const integer = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (fraction: number): string => `${Number((fraction * 100).toFixed(1))} %`;
const significant = (value: number): string => String(Number(value.toPrecision(3)));
