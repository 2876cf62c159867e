import { join } from 'node:path';
import { firstImages, type HostTensor, type HostImages } from '@vitvq/core';
import { writeJson } from '@vitvq/files';
import type { LoadedImages } from '@vitvq/data';
import type { Engine } from '@vitvq/engine';
import { detailRatio, type Evaluation } from '@vitvq/evaluation';
import { codebookReport } from '@vitvq/quantizers';
import {
  comparisonGallery,
  comparisonGrid,
  tokenizerCharts,
  tokenizerReport,
  writePng,
  writeReport,
  type ReportContent,
} from '@vitvq/report';
import type { TokenizerTrainingSummary } from '@vitvq/stage1-trainer';
import type { ViTVQ } from '@vitvq/tokenizer';
import { readTrainingLog } from '@vitvq/training';
import type { Comparison } from './comparison.js';
import { modelConfig, SHOWN, trainingPlan } from './config.js';
import type { Request, Settings } from './options.js';

/** What the end of a run is made of. */
export interface Outcome {
  readonly skippedImages: number;
  readonly request: Request;
  readonly settings: Settings;
  readonly dataset: string;
  readonly engine: Engine;
  readonly tokenizer: ViTVQ;
  readonly heldOut: LoadedImages;
  readonly summary: TokenizerTrainingSummary;
  readonly evaluation: Evaluation;
  /** What others make of the same images. */
  readonly others: readonly Comparison[];
}

/** `metrics.json`: what a program wants to know of the run. Written last, so that its presence means that the run is done. */
export async function writeMetrics({
  skippedImages,
  request,
  settings,
  engine,
  summary,
  evaluation,
  heldOut,
  others,
}: Outcome): Promise<string> {
  const { codebook, psnr, meanSquaredError, count, reconstructions } = evaluation;
  const metrics = {
    psnr,
    // The paper's definition: share of codes in a batch of 256 test images, mean over batches. Fewer images: over all.
    codebookUsage: codebook.paperUsage ?? codebook.usage,
    codebookUsageOverall: codebook.usage,
    codebookPerplexity: codebook.perplexity,
    steps: summary.step,
    imagesPerSecond: summary.examplesPerSecond,
    engine: engine.name,
    threads: engine.threads,
    meanSquaredError,
    detail: detailRatio(heldOut.data, reconstructions.data, heldOut.shape),
    comparisons: others.map(({ label, step, psnr: of, detail }) => ({ label, step, psnr: of, detail })),
    heldOutImages: count,
    skippedImages,
    trainingSeconds: summary.elapsedSeconds,
    seed: settings.seed,
    settings,
  };
  const file = join(request.out, 'metrics.json');
  await writeJson(file, metrics);
  return file;
}

/** `report.html` and the PNG files beside it. */
export async function writeOutcomeReport(outcome: Outcome): Promise<string> {
  const { request, settings, dataset, engine, tokenizer, heldOut, summary, evaluation } = outcome;
  const charts = tokenizerCharts(await readTrainingLog(request.out));
  const codebook = await readCodebook(tokenizer);
  return writeReport(
    request.out,
    withComparison(
      outcome,
      tokenizerReport({
        title: 'ViT-VQ tokenizer: quickstart',
        dataset,
        originals: heldOut.names.some(Boolean) ? heldOut : { data: heldOut.data, shape: heldOut.shape },
        evaluation,
        grid: tokenizer.grid,
        codebook,
        codebookReport: codebookReport(evaluation.codebook, { codebook }),
        charts,
        training: {
          steps: summary.step,
          seconds: summary.elapsedSeconds,
          imagesPerSecond: summary.examplesPerSecond,
          parameterCount: tokenizer.parameterCount(),
          images: summary.step * settings.batchSize,
        },
        engine,
        config: {
          data: settings.data,
          batchSize: settings.batchSize,
          model: modelConfig(settings),
          training: trainingPlan(settings),
        },
        commands: [
          { purpose: 'Train longer', command: `npm run quickstart -- --minutes 30 --out ${request.out}-30` },
          {
            purpose: 'Train on your own pictures',
            command: 'npm run quickstart -- --data path/to/pictures --out runs/pictures',
          },
        ],
        shown: SHOWN.report,
      }),
    ),
  );
}

/** The report with the same images as others reconstruct them, before everything else. */
function withComparison(
  { others, heldOut, evaluation, settings, summary }: Outcome,
  report: ReportContent,
): ReportContent {
  if (others.length === 0) return report;
  const detail = detailRatio(heldOut.data, evaluation.reconstructions.data, heldOut.shape);
  const facts = (label: string, step: number, psnr: number, ratio: number): string =>
    `${label} (${step} steps): ${psnr.toFixed(2)} dB, detail ${ratio.toFixed(2)}`;
  const label = settings.loss === 'full' ? 'full loss' : 'L2 alone';
  const gallery = comparisonGallery(
    [
      { label: 'original', images: heldOut },
      ...others.map((other) => ({ label: other.label, images: { data: other.reconstructions, shape: heldOut.shape } })),
      { label, images: evaluation.reconstructions },
    ],
    { shown: SHOWN.comparison, file: 'comparison.png' },
  );
  const text =
    [
      ...others.map((other) => facts(other.label, other.step, other.psnr, other.detail)),
      facts(label, summary.step, evaluation.psnr, detail),
    ].join('; ') +
    '. Detail is how much neighbouring pixels differ, against the originals: below 1 is blurred. Squared error alone prefers ' +
    'the mean of everything that fits the codes; the discriminator pays for detail with decibels.';
  return {
    ...report,
    sections: [{ title: 'Sharpness', blocks: [{ kind: 'text', text }, gallery] }, ...report.sections],
  };
}

/** Originals beside reconstructions, as a PNG named after the step. */
export async function writeSamples(
  directory: string,
  originals: HostImages,
  { step, reconstructions }: Evaluation & { readonly step: number },
): Promise<void> {
  const shown = [originals, reconstructions].map((images) => firstImages(images, SHOWN.samples));
  await writePng(join(directory, `step-${String(step).padStart(6, '0')}.png`), await comparisonGrid(shown));
}

async function readCodebook({ quantizer }: Outcome['tokenizer']): Promise<HostTensor> {
  const rows = quantizer.codebook!.rows();
  try {
    return { shape: rows.shape, data: Float32Array.from(await rows.data()) };
  } finally {
    rows.dispose();
  }
}
