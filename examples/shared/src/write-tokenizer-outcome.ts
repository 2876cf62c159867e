import { formatPercent, mean, readCodes, type HostImages, type HostTensor } from '@vitvq/core';
import type { Engine } from '@vitvq/engine';
import { codebookReports, detailRatio, Evaluator, type Evaluation } from '@vitvq/evaluation';
import {
  comparisonGallery,
  tokenizerCharts,
  tokenizerReport,
  type CommandsBlock,
  type ComparisonColumn,
  type ReportSection,
} from '@vitvq/report';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer } from '@vitvq/tokenizer/node';
import { readTrainingLog, type TrainingSummary } from '@vitvq/training';
import { writeOutcome } from './write-outcome.js';

/** What a tokenizer's training came to. */
export interface TokenizerOutcome {
  /** Folder of the report and the numbers. */
  readonly out: string;
  /** Folder of the training, which holds its log. */
  readonly directory: string;
  readonly title: string;
  readonly engine: Engine;
  readonly tokenizer: VQTokenizer;
  /** Images of the evaluation, with the names of their classes and of their source. */
  readonly heldOut: HostImages & { readonly names: readonly string[]; readonly source: string };
  readonly summary: TrainingSummary<Evaluation> & { readonly evaluation: Evaluation };
  readonly batchSize: number;
  /** Model folder of another tokenizer for images of this size, which is shown as well. */
  readonly compare?: string | undefined;
  /** What the options of the program decided. */
  readonly settings: object;
  /** Config of model and training. */
  readonly config: object;
  readonly commands: CommandsBlock['commands'];
  /** Number of images that could not be used. */
  readonly skippedImages: number;
}

/**
 * Writes the report and the numbers of a tokenizer's training, and says the most important ones.
 */
export async function writeTokenizerOutcome(outcome: TokenizerOutcome): Promise<void> {
  const { out, directory, title, engine, tokenizer, heldOut, summary, batchSize, settings, config, commands } = outcome;
  const { evaluation, step: steps, elapsedSeconds: seconds, examplesPerSecond: imagesPerSecond } = summary;
  const report = tokenizerReport({
    title,
    dataset: heldOut.source,
    originals: heldOut.names.some(Boolean) ? heldOut : { data: heldOut.data, shape: heldOut.shape },
    evaluation,
    grid: tokenizer.grid,
    codebook: await readCodebook(tokenizer),
    codebookReports: await codebookReports(tokenizer.quantizer, evaluation),
    charts: tokenizerCharts(await readTrainingLog(directory)),
    training: {
      steps,
      seconds,
      imagesPerSecond,
      parameterCount: tokenizer.parameterCount(),
      images: steps * batchSize,
    },
    engine,
    config: { settings, ...config },
    commands,
    shown: 48,
  });
  const sections = [await sharpnessSection(outcome), ...report.sections];
  const metrics = metricsOf(outcome);
  const files = await writeOutcome(out, { ...report, sections }, metrics);
  console.log(`
PSNR ${metrics.psnr.toFixed(2)} dB, detail ${metrics.detail.toFixed(2)}, ${formatPercent(metrics.codebookUsage)} of the codes in use, perplexity ${metrics.codebookPerplexity.toFixed(0)}
Report:      ${files.report}
Numbers:     ${files.metrics}`);
}

function metricsOf({ engine, heldOut, summary, settings, skippedImages }: TokenizerOutcome) {
  const { psnr, levels, meanSquaredError, count, reconstructions } = summary.evaluation;
  return {
    psnr,
    // The paper's definition takes batches of 256 images (Table 4); fewer images are taken
    // together. Of residual codes these are means over the levels.
    codebookUsage: mean(levels.map(({ paperUsage, usage }) => paperUsage ?? usage)),
    codebookUsageOverall: mean(levels.map(({ usage }) => usage)),
    codebookPerplexity: mean(levels.map(({ perplexity }) => perplexity)),
    steps: summary.step,
    imagesPerSecond: summary.examplesPerSecond,
    engine: engine.name,
    threads: engine.threads,
    meanSquaredError,
    detail: detailRatio(heldOut.data, reconstructions.data, heldOut.shape),
    heldOutImages: count,
    skippedImages,
    trainingSeconds: summary.elapsedSeconds,
    settings,
  };
}

/** Shows the first images beside the reconstructions of this tokenizer, and of another one. */
async function sharpnessSection({ heldOut, summary, compare }: TokenizerOutcome): Promise<ReportSection> {
  const columns: ComparisonColumn[] = [{ label: 'original', images: heldOut }];
  const facts: string[] = [];
  const add = (label: string, { psnr, reconstructions }: Evaluation): void => {
    const detail = detailRatio(heldOut.data, reconstructions.data, heldOut.shape);
    facts.push(`${label}: ${psnr.toFixed(2)} dB, detail ${detail.toFixed(2)}`);
    columns.push({ label, images: reconstructions });
  };
  if (compare !== undefined) add('other run', await evaluateOther(compare, heldOut));
  add('this run', summary.evaluation);
  const text =
    `${facts.join('; ')}. Detail is how much neighbouring pixels differ, against the originals: below 1 is blurred. ` +
    'Squared error alone prefers the mean of everything that fits the codes; a discriminator pays for detail with ' +
    'decibels.';
  const gallery = comparisonGallery(columns, { shown: 24, file: 'comparison.png' });
  return { title: 'Sharpness', blocks: [{ kind: 'text', text }, gallery] };
}

async function evaluateOther(model: string, images: HostImages): Promise<Evaluation> {
  const tokenizer = await loadTokenizer(model);
  const evaluator = new Evaluator(tokenizer, { batchSize: 50 });
  try {
    return await evaluator.evaluate(images);
  } finally {
    evaluator.dispose();
    tokenizer.dispose();
  }
}

/** Returns the codes of a quantizer that has one table of them. */
async function readCodebook({ quantizer }: VQTokenizer): Promise<HostTensor | undefined> {
  const [table, ...others] = quantizer.codebook?.tables ?? [];
  return table && others.length === 0 ? readCodes(table) : undefined;
}
