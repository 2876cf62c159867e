import { isQuantizer, readCodes, type HostImages, type HostTensor } from '@vitvq/core';
import type { Engine } from '@vitvq/engine';
import { codebookReports, detailRatio, Evaluator, type Evaluation } from '@vitvq/evaluation';
import {
  comparisonGallery,
  tokenizerCharts,
  tokenizerReport,
  type CommandsBlock,
  type ComparisonColumn,
  type ReportContent,
  type ReportSection,
} from '@vitvq/report';
import type { CodebookReport } from '@vitvq/quantizers';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer } from '@vitvq/tokenizer/node';
import { readTrainingLog } from '@vitvq/training';
import type { TrainedTokenizerConfig } from '../config/run-config.js';
import type { RunContext } from '../run-context.js';
import { cardsSection } from './cards-section.js';
import { lengthsSection } from './lengths-section.js';
import type { EvaluationResult } from '../stages/evaluation-stage.js';
import { openTokenizer, readHeldOut, type TokenizerResult } from '../stages/tokenizer-stage.js';

/** What a report has beside the results of the stages. */
export interface ReportOptions {
  readonly engine: Engine;
  /** Commands with which a reader can go on. */
  readonly commands: CommandsBlock['commands'];
  /** Model folder of another tokenizer for images of this size, which is shown as well. */
  readonly compare?: string;
}

/** Returns the report of a run that trained a tokenizer and nothing else. */
export async function reportOfTokenizer(
  context: RunContext,
  stage: TrainedTokenizerConfig,
  result: TokenizerResult,
  measured: EvaluationResult | undefined,
  { engine, commands, compare }: ReportOptions,
): Promise<ReportContent> {
  const { config, folder, images } = context;
  const heldOut = await readHeldOut(context, stage);
  const tokenizer = await openTokenizer(context);
  try {
    const evaluation = await evaluate(tokenizer, heldOut, stage.training.evaluation.batchSize);
    const report = tokenizerReport({
      title: config.title,
      dataset: images.validation.name,
      originals: heldOut.names.some(Boolean) ? heldOut : { data: heldOut.data, shape: heldOut.shape },
      evaluation: { ...evaluation, kl: result.klNatsPerLatent },
      grid: tokenizer.grid,
      codebook: await readCodebook(tokenizer),
      codebookReports: await reportsOf(tokenizer, evaluation),
      charts: tokenizerCharts(await readTrainingLog(folder.of('tokenizer'))),
      training: {
        steps: result.steps,
        seconds: result.trainingSeconds,
        imagesPerSecond: result.imagesPerSecond,
        parameterCount: result.parameterCount,
        images: result.steps * stage.training.batchSize,
      },
      engine,
      config,
      commands,
      shown: 48,
    });
    const sharpness = await sharpnessSection(heldOut, evaluation, compare);
    const lengths = await lengthsSection(tokenizer, heldOut, stage.training.evaluation.batchSize);
    const cards = measured ? [cardsSection(measured)] : [];
    return { ...report, sections: [sharpness, ...(lengths ? [lengths] : []), ...cards, ...report.sections] };
  } finally {
    tokenizer.dispose();
  }
}

async function evaluate(tokenizer: VQTokenizer, images: HostImages, batchSize: number): Promise<Evaluation> {
  const evaluator = new Evaluator(tokenizer, { batchSize });
  try {
    return await evaluator.evaluate(images);
  } finally {
    evaluator.dispose();
  }
}

/** Shows the first images beside the reconstructions of this tokenizer, and of another one. */
async function sharpnessSection(
  heldOut: HostImages,
  evaluation: Evaluation,
  compare: string | undefined,
): Promise<ReportSection> {
  const columns: ComparisonColumn[] = [{ label: 'original', images: heldOut }];
  const facts: string[] = [];
  const add = (label: string, { psnr, reconstructions }: Evaluation): void => {
    const detail = detailRatio(heldOut.data, reconstructions.data, heldOut.shape);
    facts.push(`${label}: ${psnr.toFixed(2)} dB, detail ${detail.toFixed(2)}`);
    columns.push({ label, images: reconstructions });
  };
  if (compare !== undefined) {
    const other = await loadTokenizer(compare);
    try {
      add('other run', await evaluate(other, heldOut, 50));
    } finally {
      other.dispose();
    }
  }
  add('this run', evaluation);
  const text =
    `${facts.join('; ')}. Detail is how much neighbouring pixels differ, against the originals: below 1 is blurred. ` +
    'Squared error alone prefers the mean of everything that fits the codes; a discriminator pays for detail with ' +
    'decibels.';
  const gallery = comparisonGallery(columns, { shown: 24, file: 'comparison.png' });
  return { title: 'Sharpness', blocks: [{ kind: 'text', text }, gallery] };
}

/** Returns reports of the codebook; undefined where latents are no codes. */
function reportsOf(
  { quantizer }: VQTokenizer,
  { codebook, levels }: Evaluation,
): Promise<CodebookReport[]> | undefined {
  return codebook && isQuantizer(quantizer) ? codebookReports(quantizer, { codebook, levels }) : undefined;
}

/** Returns the codes of a quantizer that has one table of them. */
async function readCodebook({ quantizer }: VQTokenizer): Promise<HostTensor | undefined> {
  const [table, ...others] = quantizer.codebook?.tables ?? [];
  return table && others.length === 0 ? readCodes(table) : undefined;
}
