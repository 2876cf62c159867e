import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostTensor } from '@vitvq/core';
import type { Engine } from '@vitvq/engine';
import { imageGrid, stage1Report, writePng, writeReport, type LineChartOptions } from '@vitvq/report';
import type { createViTVQ, Evaluation, HostImages, Stage1Summary } from '@vitvq/stage1';
import { modelConfig, SHOWN, trainingPlan } from './config.js';
import type { HeldOut } from './data.js';
import type { Request, Settings } from './options.js';

/** What the end of a run is made of. */
export interface Outcome {
  readonly skippedImages: number;
  readonly request: Request;
  readonly settings: Settings;
  readonly dataset: string;
  readonly engine: Engine;
  readonly tokenizer: ReturnType<typeof createViTVQ>;
  readonly heldOut: HeldOut;
  readonly summary: Stage1Summary;
  readonly evaluation: Evaluation;
}

/** `metrics.json`: what a program wants to know of the run. Written last, so that its presence means that the run is done. */
export async function writeMetrics({
  skippedImages,
  request,
  settings,
  engine,
  summary,
  evaluation,
}: Outcome): Promise<string> {
  const { codebook, psnr, meanSquaredError, count } = evaluation;
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
    heldOutImages: count,
    skippedImages,
    trainingSeconds: summary.elapsedSeconds,
    seed: settings.seed,
    settings,
  };
  const file = join(request.out, 'metrics.json');
  await writeFile(`${file}.part`, `${JSON.stringify(metrics, null, 2)}\n`);
  await rename(`${file}.part`, file);
  return file;
}

/** `report.html` and the PNG files beside it. */
export async function writeOutcomeReport(outcome: Outcome): Promise<string> {
  const { request, settings, dataset, engine, tokenizer, heldOut, summary, evaluation } = outcome;
  const charts = await trainingCharts(join(request.out, 'metrics.jsonl'));
  return writeReport(
    request.out,
    stage1Report({
      title: 'ViT-VQ tokenizer: quickstart',
      dataset,
      originals: heldOut.names.some(Boolean) ? heldOut : { data: heldOut.data, shape: heldOut.shape },
      evaluation,
      grid: tokenizer.grid,
      codebook: await normalizedCodebook(tokenizer),
      charts,
      training: {
        steps: summary.step,
        seconds: summary.elapsedSeconds,
        imagesPerSecond: summary.examplesPerSecond,
        parameterCount: tokenizer.parameterCount(),
        images: summary.step * settings.batchSize,
      },
      engine,
      configuration: {
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
      examples: SHOWN.report,
    }),
  );
}

/** Originals beside reconstructions, as a PNG named after the step. */
export async function writeSamples(
  directory: string,
  originals: HostImages,
  { step, reconstructions }: Evaluation & { readonly step: number },
): Promise<void> {
  const [count, ...size] = originals.shape;
  const shown = Math.min(SHOWN.samples, count);
  const values = shown * size[0] * size[1] * size[2];
  const grid = await imageGrid([originals.data.subarray(0, values), reconstructions.data.subarray(0, values)], {
    shape: [shown, ...size] as [number, number, number, number],
  });
  await writePng(join(directory, `step-${String(step).padStart(6, '0')}.png`), grid);
}

type Entry = { readonly event: string; readonly step: number } & Readonly<Record<string, number>>;

async function trainingCharts(log: string): Promise<LineChartOptions[]> {
  const entries = (await readFile(log, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry);
  const series = (event: string, key: string, name: string): LineChartOptions['series'][number] => ({
    name,
    points: entries
      .filter((entry) => entry.event === event && entry[key] !== undefined)
      .map((entry) => [entry.step, entry[key]!]),
  });
  const chart = (
    title: string,
    yLabel: string,
    lines: LineChartOptions['series'],
    scale?: 'log',
  ): LineChartOptions => ({
    title,
    xLabel: 'step',
    yLabel,
    series: lines.filter(({ points }) => points.length > 0),
    scale,
  });
  return [
    chart('Reconstruction loss', 'mean squared error', [series('step', 'l2', 'reconstruction')], 'log'),
    chart('Quantizer loss', 'loss', [series('step', 'quantizer', 'quantizer')], 'log'),
    chart('PSNR on held-out images', 'decibels', [series('evaluate', 'psnr', 'PSNR')]),
    chart('Learning rate', 'learning rate', [series('step', 'learningRate', 'learning rate')]),
  ].filter(({ series: lines }) => lines.length > 0);
}

/** Codes as the quantizer compares them: of length 1. */
async function normalizedCodebook({ quantizer: { codebook } }: Outcome['tokenizer']): Promise<HostTensor> {
  const data = Float32Array.from(await codebook.data());
  const [size, dim] = codebook.shape;
  for (let code = 0; code < size; code++) {
    const row = data.subarray(code * dim, (code + 1) * dim);
    const length = Math.hypot(...row);
    row.forEach((value, index) => (row[index] = value / length));
  }
  return { shape: [size, dim], data };
}
