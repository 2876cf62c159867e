import { checkOptions, formatPercent, mean, type HostImages, type HostTensor, type OptionTable } from '@vitvq/core';
import { formatDecimal, formatDuration, formatInteger } from './internal/format.js';
import { usedCodes } from './internal/codebook-rows.js';
import type { CommandsBlock, ReportContent, ReportSection, SummaryCard } from './report-content.js';
import type { EngineFacts, EvaluationFacts } from './report-facts.js';
import { codebookSection, type CodebookReportFacts, type CountedCodebookUsage } from './sections/codebook-section.js';
import { commandsSection } from './sections/commands-section.js';
import { configSection } from './sections/config-section.js';
import { reconstructionsSection } from './sections/reconstructions-section.js';
import { tokenMapsSection } from './sections/token-maps-section.js';
import { trainingSection, type TrainingSectionOptions } from './sections/training-section.js';

/**
 * An evaluation with everything that a report shows of it; an `Evaluation` of
 * @vitvq/evaluation is one.
 */
export interface TokenizerEvaluation extends EvaluationFacts {
  /** Undefined of a tokenizer whose latents are no codes. */
  readonly codebook?: CountedCodebookUsage | undefined;
  /** Use of the codes by each level of a residual quantizer. @default codebook alone */
  readonly levels?: readonly CountedCodebookUsage[];
  /** PSNR of each image in decibels, `[B]`. */
  readonly psnrOfImages: ArrayLike<number>;
  readonly reconstructions: HostImages;
  /** Codes of the tokens in raster order, image after image; beside `codebook` alone. */
  readonly indices?: ArrayLike<number> | undefined;
  /** Divergence of latents that are no codes, in nats a latent. */
  readonly kl?: number;
}

/** The facts that `tokenizerReport` shows, besides those of the training. */
export interface TokenizerReportFacts extends Required<Pick<TrainingSectionOptions, 'charts' | 'training'>> {
  readonly title: string;
  /** What the images of the evaluation are, such as `CIFAR-10, test split`. */
  readonly dataset: string;
  /**
   * Images of the evaluation, `[B, H, W, C]` in [0, 1], with one text for each, such as its class.
   */
  readonly originals: HostImages & { readonly names?: readonly string[] };
  readonly evaluation: TokenizerEvaluation;
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /**
   * Codes `[K, E]` as the quantizer compares them, where all levels have the same; similar codes
   * then get similar colours.
   */
  readonly codebook?: HostTensor;
  /** See `CodebookSectionOptions.reports`. */
  readonly codebookReports?: readonly CodebookReportFacts[];
  readonly engine: EngineFacts;
  /** Config of the run; nested objects are shown with dotted names. */
  readonly config: object;
  /** Commands with which a reader can go on. */
  readonly commands: CommandsBlock['commands'];
  /** Number of pairs of original and reconstruction that are shown. @default 24 */
  readonly shown?: number;
  readonly footer?: string;
}

const tokenizerReportFactNames: OptionTable<TokenizerReportFacts> = {
  title: 'required',
  dataset: 'required',
  originals: 'required',
  evaluation: 'required',
  grid: 'required',
  codebook: 'optional',
  codebookReports: 'optional',
  charts: 'required',
  training: 'required',
  engine: 'required',
  config: 'required',
  commands: 'required',
  shown: 'optional',
  footer: 'optional',
};

/** Largest number of images whose tokens are shown as a map. */
const maximumMaps = 9;

/**
 * Returns the report of a tokenizer's training for `writeReport`: reconstructions, token maps and
 * codebook where latents are codes, curves and speed, config, and how to go on. Its sections can
 * also be composed one by one.
 * @throws {ShapeError} when images, reconstructions, tokens and names do not fit each other
 * @throws {ConfigError} unless `shown` is a positive integer
 */
export function tokenizerReport(facts: TokenizerReportFacts): ReportContent {
  checkOptions(facts, tokenizerReportFactNames, 'tokenizerReport');
  const { title, originals, evaluation, charts, training, engine } = facts;
  const { reconstructions, psnrOfImages } = evaluation;
  const { config, commands, shown = 24, footer } = facts;
  const images = { originals, reconstructions, names: originals.names, psnrOfImages };
  const reconstructed = reconstructionsSection({ ...images, shown });
  const ofCodes = codeSections(facts, shown);
  const sections: ReportSection[] = [
    reconstructed,
    ...(ofCodes ? [ofCodes.maps] : []),
    trainingSection({ charts, training, engine }),
    ...(ofCodes ? [ofCodes.codebook] : []),
    configSection(config),
    ...(commands.length > 0 ? [commandsSection(commands)] : []),
  ];
  return { title, lead: leadOf(facts), summary: summaryOf(facts), sections, footer };
}

/** Returns the sections that show codes; undefined where latents are none. */
function codeSections(
  { originals, evaluation, grid, codebook, codebookReports }: TokenizerReportFacts,
  shown: number,
): { readonly maps: ReportSection; readonly codebook: ReportSection } | undefined {
  const { reconstructions, psnrOfImages, indices, count, codebook: use } = evaluation;
  if (!use || !indices) return undefined;
  const levels = levelsOf(use, evaluation);
  const images = { originals, reconstructions, names: originals.names, psnrOfImages };
  const codes = { indices, grid, codeDepth: levels.length, codebookSize: use.counts.length, codebook };
  return {
    maps: tokenMapsSection({ ...images, ...codes, shown: Math.min(maximumMaps, shown) }),
    codebook: codebookSection({ codebook: use, levels, images: count, reports: codebookReports }),
  };
}

function levelsOf(
  codebook: CountedCodebookUsage,
  { levels = [codebook] }: TokenizerEvaluation,
): readonly CountedCodebookUsage[] {
  return levels;
}

function leadOf({ originals, evaluation, grid, dataset }: TokenizerReportFacts): string {
  const [count, height, width, channels] = originals.shape;
  const measured = `Measured on ${formatInteger(count)} images of ${dataset} that were kept out of the training.`;
  const { codebook } = evaluation;
  if (!codebook) {
    const latents = `${grid[0]} × ${grid[1]} latents, which are no codes`;
    return `Each ${width} × ${height} image becomes ${latents}, and is reconstructed from them. ${measured}`;
  }
  const codebookSize = codebook.counts.length;
  const codeBits = Math.ceil(Math.log2(codebookSize));
  const codeDepth = levelsOf(codebook, evaluation).length;
  const bytes = Math.ceil((grid[0] * grid[1] * codeDepth * codeBits) / 8);
  const ofCodes = codeDepth === 1 ? '' : ` of ${codeDepth} codes each,`;
  return (
    `Each ${width} × ${height} image becomes ${grid[0]} × ${grid[1]} tokens${ofCodes} from a codebook of ${formatInteger(codebookSize)}, ` +
    `${formatInteger(bytes)} ${bytes === 1 ? 'byte' : 'bytes'} instead of ${formatInteger(height * width * channels)}, and is ` +
    `reconstructed from them. ${measured}`
  );
}

function summaryOf({ evaluation, training, engine }: TokenizerReportFacts): SummaryCard[] {
  const { psnr, count, kl } = evaluation;
  const { steps, seconds, imagesPerSecond } = training;
  const threads = engine.threads && `${engine.threads} ${engine.threads === 1 ? 'thread' : 'threads'}`;
  return [
    { label: 'PSNR', value: psnr.toFixed(2), unit: 'dB', note: `mean of ${formatInteger(count)} images` },
    ...codeCards(evaluation),
    ...(kl === undefined
      ? []
      : [{ label: 'Divergence', value: kl.toFixed(2), unit: 'nats', note: 'KL to N(0, 1), mean of latents' }]),
    { label: 'Steps', value: formatInteger(steps), note: `in ${formatDuration(seconds)}` },
    ...(imagesPerSecond === undefined
      ? []
      : [
          {
            label: 'Speed',
            value: formatDecimal(imagesPerSecond),
            unit: 'images/s',
            note: [engine.name, threads].filter(Boolean).join(', '),
          },
        ]),
  ];
}

/** Returns what the summary says of codes; nothing where latents are none. */
function codeCards(evaluation: TokenizerEvaluation): SummaryCard[] {
  const { codebook } = evaluation;
  if (!codebook) return [];
  const levels = levelsOf(codebook, evaluation);
  const size = formatInteger(codebook.counts.length);
  const used = `${formatInteger(usedCodes(codebook.counts))} of ${size} codes`;
  const ofLevels = `mean of ${levels.length} levels`;
  return [
    {
      label: 'Codebook usage',
      value: formatPercent(mean(levels.map(({ usage }) => usage))),
      note: levels.length === 1 ? used : ofLevels,
    },
    {
      label: 'Perplexity',
      value: mean(levels.map(({ perplexity }) => perplexity)).toFixed(0),
      note: levels.length === 1 ? `at most ${size}` : `${ofLevels}, at most ${size}`,
    },
  ];
}
