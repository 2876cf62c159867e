import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSafetensors } from '@vitvq/checkpoint';
import type { Engine } from '@vitvq/engine';
import {
  comparisonGallery,
  configurationRows,
  toRgbImages,
  writeReport,
  type GalleryBlock,
  type LineChartOptions,
  type ReportChart,
  type ReportSection,
  type Series,
  type TableBlock,
} from '@vitvq/report';
import type { CodesResult } from './codes-stage.js';
import { gptPlan, SAMPLING, tokenizerConfig, tokenizerPlan } from './config.js';
import type { GPTResult } from './gpt-stage.js';
import type { ProbeResult } from './probe-stage.js';
import { writeJson, type Kept } from './run-folder.js';
import { readSamples, type SamplesResult } from './samples-stage.js';
import type { StageContext } from './stage-context.js';
import { RECONSTRUCTIONS_FILE, type TokenizerResult } from './tokenizer-stage.js';

/** What the stages came to. */
export interface Outcome {
  readonly tokenizer: Kept<TokenizerResult>;
  readonly codes: Kept<CodesResult>;
  readonly gpt: Kept<GPTResult>;
  readonly samples: Kept<SamplesResult>;
  readonly probe: Kept<ProbeResult>;
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

/** `metrics.json`: what a program wants to know of the run. Written last, so that its presence means that the run is done. */
export async function writeMetrics(
  { folder, settings }: StageContext,
  outcome: Outcome,
  { name, threads }: Engine,
): Promise<string> {
  const { tokenizer, gpt, probe } = outcome;
  const file = join(folder.path, 'metrics.json');
  const best = blockOf(probe.result, probe.result.best);
  await writeJson(file, {
    validationNatsPerToken: gpt.result.validationNatsPerToken,
    unigramNatsPerToken: gpt.result.unigramNatsPerToken,
    probeTop1: best.top1,
    probeTop1Interval: best.interval,
    probeTop5: best.top5,
    probeBlock: best.block,
    pixelTop1: blockOf(probe.result, probe.result.pixels).top1,
    randomNetworkTop1: blockOf(probe.result, probe.result.untrained).top1,
    generatedTop1: probe.result.generatedTop1,
    psnr: tokenizer.result.psnr,
    codebookUsage: tokenizer.result.codebookUsage,
    codebookPerplexity: tokenizer.result.codebookPerplexity,
    tokenizerSteps: tokenizer.result.steps,
    gptSteps: gpt.result.steps,
    seconds: secondsOf(outcome),
    engine: name,
    threads,
    settings,
  });
  return file;
}

/** `report.html` and the PNG files beside it. */
export async function writeOutcomeReport(context: StageContext, outcome: Outcome, engine: Engine): Promise<string> {
  const { images, folder, settings } = context;
  const { tokenizer, gpt, probe } = outcome;
  const [best, pixels, untrained] = [probe.result.best, probe.result.pixels, probe.result.untrained].map((block) =>
    blockOf(probe.result, block),
  ) as [Block, Block, Block];
  const seconds = secondsOf(outcome);
  return writeReport(folder.path, {
    title: 'From pixels to generated images',
    lead:
      `Tokenizer, class-conditional GPT and linear probe, trained one after the other on ${images.train.name} in ` +
      `${(seconds.total / 60).toFixed(1)} minutes. Everything is measured on images that no stage has learned from.`,
    summary: [
      {
        label: 'Validation loss',
        value: gpt.result.validationNatsPerToken.toFixed(3),
        unit: 'nats/token',
        note: `unigram entropy ${gpt.result.unigramNatsPerToken.toFixed(3)}`,
      },
      { label: 'Probe, top-1', value: percent(best.top1), note: `raw pixels ${percent(pixels.top1)}` },
      { label: 'Random network', value: percent(untrained.top1), note: 'the same GPT before its training' },
      { label: 'PSNR', value: tokenizer.result.psnr.toFixed(2), unit: 'dB', note: 'of reconstructions' },
      { label: 'Codebook usage', value: percent(tokenizer.result.codebookUsage), note: 'in 256 images' },
    ],
    sections: [
      await samplesSection(context, outcome),
      await tokenizerSection(context, outcome),
      await gptSection(context, outcome),
      probeSection(context, outcome),
      {
        title: 'Time',
        blocks: [
          {
            kind: 'table',
            caption: `${engine.name}, ${engine.threads} threads: ${engine.description}`,
            rows: Object.entries(seconds).map(([stage, value]) => [stage, `${value.toFixed(1)} s`]),
          },
        ],
      },
      {
        title: 'Configuration',
        blocks: [
          {
            kind: 'table',
            rows: configurationRows({
              settings,
              tokenizer: { model: tokenizerConfig(settings), training: tokenizerPlan(settings) },
              gpt: { training: gptPlan(settings) },
              sampling: SAMPLING,
            }),
          },
        ],
      },
      {
        title: 'How to go on',
        blocks: [
          {
            kind: 'commands',
            commands: [
              { purpose: 'Another seed', command: 'npm run pipeline -- --seed 1 --out runs/pipeline-1' },
              { purpose: 'Longer, on more images', command: 'npm run pipeline -- --minutes 60 --out runs/pipeline-60' },
            ],
          },
        ],
      },
    ],
  });
}

async function samplesSection(context: StageContext, outcome: Outcome): Promise<ReportSection> {
  const { perClass, firstSeed } = outcome.samples.result;
  const { generatedTop1 } = outcome.probe.result;
  const { data, shape } = await readSamples(context);
  const pictures = toRgbImages(data, shape);
  const gallery: GalleryBlock = {
    kind: 'gallery',
    labels: Array.from({ length: perClass }, (_, column) => `seed ${firstSeed + column}`),
    items: context.images.train.classes.map((name, label) => ({
      images: pictures.slice(label * perClass, (label + 1) * perClass),
      caption: name,
    })),
    caption:
      `Drawn token by token by the GPT, given the class, and made images by the tokenizer's decoder: none is chosen. ` +
      `Guidance ${SAMPLING.guidanceScale}, the ${SAMPLING.topK} most likely codes. The probe, which has only seen ` +
      `photographs, takes ${percent(generatedTop1)} of them for the class that they were asked for.`,
    file: 'samples.png',
  };
  return { title: 'Generated images', blocks: [gallery] };
}

async function tokenizerSection({ folder, images }: StageContext, { tokenizer }: Outcome): Promise<ReportSection> {
  const directory = folder.of('tokenizer');
  const { psnr, codebookUsage, codebookPerplexity, steps, trainingSeconds, parameterCount } = tokenizer.result;
  const { tensors } = await readSafetensors(join(directory, RECONSTRUCTIONS_FILE));
  const [originals, reconstructions] = ['originals', 'reconstructions'].map((name) => tensors.get(name)!) as [
    Pictures,
    Pictures,
  ];
  const log = await readLog(directory);
  return {
    title: 'Tokenizer',
    blocks: [
      comparisonGallery(
        [
          { label: 'original', images: originals.data },
          { label: 'reconstruction', images: reconstructions.data },
        ],
        {
          shape: originals.shape,
          examples: originals.shape[0],
          names: Array.from(
            { length: originals.shape[0] },
            (_, image) => images.test.classes[images.test.labels[image]!]!,
          ),
          caption: 'Test images, each beside what is left of it in its codes: what the GPT can draw at best.',
          file: 'reconstructions.png',
        },
      ),
      {
        kind: 'charts',
        charts: [
          chart('tokenizer-loss.png', {
            title: 'Squared error',
            xLabel: 'step',
            yLabel: 'training images',
            scale: 'log',
            series: [curve(log, 'squared error', 'step', 'l2')],
          }),
          chart('tokenizer-psnr.png', {
            title: 'PSNR',
            xLabel: 'step',
            yLabel: 'decibels, test images',
            series: [curve(log, 'PSNR', 'evaluate', 'psnr')],
          }),
        ],
      },
      {
        kind: 'table',
        rows: [
          ['PSNR', `${psnr.toFixed(2)} dB`],
          ['Codes used by 256 images', percent(codebookUsage)],
          ['Perplexity of the codes', codebookPerplexity.toFixed(1)],
          ['Training', `${steps} steps in ${trainingSeconds.toFixed(0)} s`],
          ['Weights', parameterCount.toLocaleString('en-US')],
        ],
      },
    ],
  };
}

async function gptSection({ folder }: StageContext, { gpt, codes }: Outcome): Promise<ReportSection> {
  const { validationNatsPerToken, unigramNatsPerToken, steps, trainingSeconds, parameterCount } = gpt.result;
  const log = await readLog(folder.of('gpt'));
  const validation = curve(log, 'validation', 'evaluate', 'natsPerToken');
  return {
    title: 'GPT',
    blocks: [
      {
        kind: 'charts',
        charts: [
          chart('gpt-loss.png', {
            title: 'Loss',
            xLabel: 'step',
            yLabel: 'nats per token',
            series: [
              curve(log, 'training', 'step', 'loss'),
              validation,
              {
                name: 'unigram entropy',
                points: [
                  [1, unigramNatsPerToken],
                  [steps, unigramNatsPerToken],
                ],
              },
            ],
          }),
        ],
      },
      {
        kind: 'table',
        caption:
          'The unigram entropy is what a model would reach that knows how often each code occurs and nothing else. ' +
          'Validation is given the class, with the moving average of the weights.',
        rows: [
          ['Validation', `${validationNatsPerToken.toFixed(3)} nats per token`],
          ['Unigram entropy', `${unigramNatsPerToken.toFixed(3)} nats per token`],
          ['Codes', `of ${codes.result.images.toLocaleString('en-US')} images, in ${codes.result.views} views`],
          ['Training', `${steps} steps in ${trainingSeconds.toFixed(0)} s`],
          ['Weights', parameterCount.toLocaleString('en-US')],
        ],
      },
    ],
  };
}

type Block = ProbeResult['blocks'][number];

function probeSection({ images }: StageContext, { probe }: Outcome): ReportSection {
  const { blocks, best, samples, warnings } = probe.result;
  return {
    title: 'Linear probe',
    blocks: [
      {
        kind: 'text',
        text:
          'A softmax layer on the average of a frozen block over the tokens of an image. The GPT is given the null token ' +
          'instead of the class: with the class, the probe would read it off. Its training did see classes, as conditions of ' +
          'other images, so this is not the unsupervised probe of the paper. ' +
          `Trained on ${samples.train} images, penalty and block chosen on ${samples.validation}, tested on ${samples.test}.`,
      },
      { kind: 'charts', charts: [layerSweepChart(probe.result)] },
      {
        kind: 'table',
        caption: `The best block by validation is ${best}.`,
        columns: ['block', 'width', 'top-1', '95 % interval', 'top-5', 'penalty'],
        rows: blocks.map(({ block, dim, top1, interval, top5, l2 }) => [
          block,
          String(dim),
          percent(top1),
          `${percent(interval.low)} to ${percent(interval.high)}`,
          percent(top5),
          String(l2),
        ]),
      },
      confusionTable(probe.result, images.train.classes),
      ...warnings.map((text) => ({ kind: 'text' as const, text })),
    ],
  };
}

/** GPT and untrained twin block by block, with the raw pixels as a level line. */
function layerSweepChart({ blocks, pixels }: ProbeResult): ReportChart {
  const line = (name: string, kind: Block['kind']): Series => ({
    name,
    points: blocks.filter((block) => block.kind === kind).map(({ top1 }, place) => [place, 100 * top1]),
  });
  const model = line('GPT', 'model');
  const level = 100 * blocks.find(({ block }) => block === pixels)!.top1;
  return chart('layer-sweep.png', {
    title: 'Layer sweep',
    xLabel: 'block (first: embedding, last: final norm)',
    yLabel: 'top-1, per cent of test images',
    series: [
      model,
      line('untrained GPT', 'untrained'),
      {
        name: 'raw pixels',
        points: [
          [0, level],
          [model.points.length - 1, level],
        ],
      },
    ],
  });
}

function confusionTable({ confusion, best }: ProbeResult, classes: readonly string[]): TableBlock {
  return {
    kind: 'table',
    caption: `Confusion of ${best}, per cent: test images of a row's class that are taken for a column's.`,
    columns: ['', ...classes],
    rows: confusion.map((row, label) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      return [classes[label]!, ...row.map((count) => (total === 0 ? '' : ((100 * count) / total).toFixed(0)))];
    }),
  };
}

function blockOf({ blocks }: ProbeResult, name: string): Block {
  return blocks.find(({ block }) => block === name)!;
}

function secondsOf(outcome: Outcome): Record<keyof Outcome | 'total', number> {
  const { tokenizer, codes, gpt, samples, probe } = outcome;
  const total = [tokenizer, codes, gpt, samples, probe].reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    tokenizer: tokenizer.seconds,
    codes: codes.seconds,
    gpt: gpt.seconds,
    samples: samples.seconds,
    probe: probe.seconds,
    total,
  };
}

interface Pictures {
  readonly data: Float32Array;
  readonly shape: readonly [number, number, number, number];
}

function chart(file: string, options: LineChartOptions): ReportChart {
  const ends = options.series.flatMap(({ name, points }) => {
    const [start, end] = [points[0], points.at(-1)];
    return start && end ? [`${name} from ${start[1].toPrecision(3)} to ${end[1].toPrecision(3)}`] : [];
  });
  return { chart: { type: 'line', ...options }, alt: `${options.title}: ${ends.join('; ')}.`, file };
}

type Entry = { readonly event: string; readonly step: number } & Readonly<Record<string, number>>;

/** What a trainer wrote of its steps and evaluations. */
async function readLog(directory: string): Promise<Entry[]> {
  const lines = (await readFile(join(directory, 'metrics.jsonl'), 'utf8')).split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Entry);
}

function curve(log: readonly Entry[], name: string, event: 'step' | 'evaluate', key: string): Series {
  return { name, points: log.filter((entry) => entry.event === event).map((entry) => [entry.step, entry[key]!]) };
}
