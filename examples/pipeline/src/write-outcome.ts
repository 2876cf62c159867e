import { join } from 'node:path';
import { readSafetensors } from '@vitvq/checkpoint';
import { toRgbImages } from '@vitvq/core';
import type { StageResult } from '@vitvq/example-shared';
import { writeJson } from '@vitvq/files';
import type { Engine } from '@vitvq/engine';
import {
  comparisonGallery,
  configRows,
  confusionTable,
  layerSweepChart,
  lineReportChart,
  writeReport,
  type GalleryBlock,
  type ReportSection,
  type TableBlock,
} from '@vitvq/report';
import { logCurve, readTrainingLog } from '@vitvq/training';
import type { CodesResult } from './codes-stage.js';
import { DEFAULTS, modelTitle, SAMPLING, tokenizerConfig, tokenizerPlan, transformerPlan } from './config.js';
import type { TransformerResult } from './gpt-stage.js';
import type { ProbeResult } from './probe-stage.js';
import { readSamples, type SamplesResult } from './samples-stage.js';
import type { StageContext } from './stage-context.js';
import { RECONSTRUCTIONS_FILE, type TokenizerResult } from './tokenizer-stage.js';

/** What the stages came to. */
export interface Outcome {
  readonly tokenizer: StageResult<TokenizerResult>;
  readonly codes: StageResult<CodesResult>;
  readonly gpt: StageResult<TransformerResult>;
  readonly samples: StageResult<SamplesResult>;
  readonly probe: StageResult<ProbeResult>;
}

const METRICS_FILE = 'metrics.json';

/** What stands beside the stages when a run is done. */
export const OUTCOME_FILES = [
  METRICS_FILE,
  'report.html',
  'samples.png',
  'reconstructions.png',
  'tokenizer-loss.png',
  'tokenizer-psnr.png',
  'gpt-loss.png',
  'layer-sweep.png',
] as const;

const hundredths = (part: number): string => (100 * part).toFixed(1);
const percent = (part: number): string => `${hundredths(part)} %`;

/** `metrics.json`: what a program wants to know of the run. Written last, so that its presence means that the run is done. */
export async function writeMetrics(
  { folder, settings }: StageContext,
  outcome: Outcome,
  { name, threads }: Engine,
): Promise<string> {
  const { tokenizer, gpt, probe } = outcome;
  const file = join(folder.path, METRICS_FILE);
  const best = blockOf(probe.result, probe.result.best);
  await writeJson(file, {
    validationNatsPerToken: gpt.result.validationNatsPerToken,
    unigramNatsPerToken: gpt.result.unigramNatsPerToken,
    validationNatsPerPosition: gpt.result.validationNatsPerToken * gpt.result.levels.length,
    unigramNatsPerPosition: gpt.result.unigramNatsPerToken * gpt.result.levels.length,
    unigramNatsOfLevels: gpt.result.levels.map(({ unigramNats }) => unigramNats),
    probeTop1: best.top1,
    probeTop1Interval: best.interval,
    probeTop5: best.top5,
    probeBlock: best.block,
    pixelTop1: blockOf(probe.result, probe.result.pixels).top1,
    randomNetworkTop1: blockOf(probe.result, probe.result.untrained).top1,
    generatedTop1: probe.result.generatedTop1,
    ...tokenizerMetrics(probe.result),
    psnr: tokenizer.result.psnr,
    codebookUsage: tokenizer.result.codebookUsage,
    codebookPerplexity: tokenizer.result.codebookPerplexity,
    tokenizerSteps: tokenizer.result.steps,
    transformerSteps: gpt.result.steps,
    seconds: secondsOf(outcome),
    engine: name,
    threads,
    settings,
  });
  return file;
}

/** None where the probe is from before it looked at the tokenizer. */
function tokenizerMetrics(probe: ProbeResult): object {
  if (probe.encoder === undefined) return {};
  const { block, top1, interval } = blockOf(probe, probe.encoder);
  return {
    encoderTop1: top1,
    encoderTop1Interval: interval,
    encoderBlock: block,
    latentsTop1: blockOf(probe, 'latents').top1,
    quantizedTop1: blockOf(probe, 'quantized').top1,
  };
}

/** `report.html` and the PNG files beside it. */
export async function writeOutcomeReport(context: StageContext, outcome: Outcome, engine: Engine): Promise<string> {
  const { images, folder, settings } = context;
  const { tokenizer, gpt, probe } = outcome;
  const [best, pixels, untrained] = [probe.result.best, probe.result.pixels, probe.result.untrained].map((block) =>
    blockOf(probe.result, block),
  ) as [Block, Block, Block];
  const seconds = secondsOf(outcome);
  const command = `npm run ${settings.model === 'gpt' ? 'pipeline' : 'rq-pipeline'} --`;
  return writeReport(folder.path, {
    title: 'From pixels to generated images',
    lead:
      `Tokenizer, class-conditional ${modelTitle(settings)} and linear probe, trained one after the other on ${images.train.name} in ` +
      `${(seconds.total / 60).toFixed(1)} minutes. Everything is measured on images that no stage has learned from.`,
    summary: [
      {
        label: 'Loss per token',
        value: gpt.result.validationNatsPerToken.toFixed(3),
        unit: 'nats',
        note: `unigram entropy ${gpt.result.unigramNatsPerToken.toFixed(3)}`,
      },
      { label: 'Probe, top-1', value: percent(best.top1), note: `raw pixels ${percent(pixels.top1)}` },
      {
        label: 'Random network',
        value: percent(untrained.top1),
        note: `the same ${modelTitle(settings)} before its training`,
      },
      { label: 'PSNR', value: tokenizer.result.psnr.toFixed(2), unit: 'dB', note: 'of reconstructions' },
      { label: 'Codebook usage', value: percent(tokenizer.result.codebookUsage), note: 'in 256 images' },
    ],
    sections: [
      await samplesSection(context, outcome),
      await tokenizerSection(context, outcome),
      await transformerSection(context, outcome),
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
            rows: configRows({
              settings,
              tokenizer: { model: tokenizerConfig(settings), training: tokenizerPlan(settings) },
              transformer: { training: transformerPlan(settings) },
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
              { purpose: 'Another seed', command: `${command} --seed 1 --out ${DEFAULTS.out[settings.model]}-1` },
              {
                purpose: 'Longer, on more images',
                command: `${command} --minutes 60 --out ${DEFAULTS.out[settings.model]}-60`,
              },
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
  const pictures = toRgbImages({ data, shape });
  const gallery: GalleryBlock = {
    kind: 'gallery',
    labels: Array.from({ length: perClass }, (_, column) => `seed ${firstSeed + column}`),
    items: context.images.train.classNames.map((name, label) => ({
      images: pictures.slice(label * perClass, (label + 1) * perClass),
      caption: name,
    })),
    caption:
      `Drawn token by token by the ${modelTitle(context.settings)}, given the class, and made images by the tokenizer's decoder: none is chosen. ` +
      `Guidance ${SAMPLING.guidanceScale}, the ${SAMPLING.topK} most likely codes. The probe, which has only seen ` +
      `photographs, takes ${percent(generatedTop1)} of them for the class that they were asked for.`,
    file: 'samples.png',
    columns: 1,
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
  const log = await readTrainingLog(directory);
  return {
    title: 'Tokenizer',
    blocks: [
      comparisonGallery(
        [
          { label: 'original', images: originals },
          { label: 'reconstruction', images: reconstructions },
        ],
        {
          shown: originals.shape[0],
          names: Array.from(
            { length: originals.shape[0] },
            (_, image) => images.test.classNames[images.test.labels[image]!]!,
          ),
          caption: 'Test images, each beside what is left of it in its codes: the best that can be drawn with them.',
          file: 'reconstructions.png',
        },
      ),
      {
        kind: 'charts',
        charts: [
          lineReportChart('tokenizer-loss.png', {
            title: 'Squared error',
            xLabel: 'step',
            yLabel: 'training images',
            scale: 'log',
            series: [{ name: 'squared error', points: logCurve(log, 'step', 'l2') }],
          }),
          lineReportChart('tokenizer-psnr.png', {
            title: 'PSNR',
            xLabel: 'step',
            yLabel: 'decibels, test images',
            series: [{ name: 'PSNR', points: logCurve(log, 'evaluate', 'psnr') }],
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

async function transformerSection({ folder, settings }: StageContext, { gpt, codes }: Outcome): Promise<ReportSection> {
  const { validationNatsPerToken, unigramNatsPerToken, levels, steps, trainingSeconds, parameterCount } = gpt.result;
  const log = await readTrainingLog(folder.of('gpt'));
  return {
    title: modelTitle(settings),
    blocks: [
      {
        kind: 'charts',
        charts: [
          lineReportChart('gpt-loss.png', {
            title: 'Loss',
            xLabel: 'step',
            yLabel: 'nats per token',
            series: [
              { name: 'training', points: logCurve(log, 'step', 'loss') },
              { name: 'validation', points: logCurve(log, 'evaluate', 'natsPerToken') },
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
      ...(levels.length > 1 ? [levelsTable(gpt.result)] : []),
    ],
  };
}

/** Residual codes: the first says most of a position, the last next to nothing that the others did not. */
function levelsTable({ levels, validationNatsPerToken, unigramNatsPerToken }: TransformerResult): TableBlock {
  const ofPosition = (perToken: number): string => (perToken * levels.length).toFixed(3);
  return {
    kind: 'table',
    caption:
      `A position has ${levels.length} codes, and the values above are means over them. Together they take ` +
      `${ofPosition(validationNatsPerToken)} nats a position, where the unigram entropies add up to ` +
      `${ofPosition(unigramNatsPerToken)}.`,
    columns: ['level', 'unigram entropy, nats', 'codes in use'],
    rows: levels.map(({ unigramNats, usage }, level) => [String(level + 1), unigramNats.toFixed(3), percent(usage)]),
  };
}

type Block = ProbeResult['blocks'][number];

function probeSection({ images, settings }: StageContext, { probe }: Outcome): ReportSection {
  const { blocks, best, encoder, samples, warnings } = probe.result;
  return {
    title: 'Linear probe',
    blocks: [
      {
        kind: 'text',
        text:
          `A softmax layer on the average of a frozen block over the tokens of an image. The ${modelTitle(settings)} is given ` +
          'the null token instead of the class: with the class, the probe would read it off. Its training did see classes, as conditions of ' +
          'other images, so this is not the unsupervised probe of the paper. ' +
          (encoder === undefined ? '' : "The tokenizer's encoder has seen pixels alone, and no class. ") +
          `Trained on ${samples.train} images, penalty and block chosen on ${samples.validation}, tested on ${samples.test}.`,
      },
      {
        kind: 'charts',
        charts: [
          layerSweepChart(
            'layer-sweep.png',
            blocks.map(({ block, kind, ...test }) => ({ block, kind, test })),
            {
              xLabel: `${encoder === undefined ? '' : 'encoder, latents, quantized; then '}embedding, blocks, final norm`,
            },
          ),
        ],
      },
      {
        kind: 'text',
        text:
          `The best block of the ${modelTitle(settings)} by validation is ${best}` +
          (encoder === undefined ? '. ' : `, and of the tokenizer's encoder ${encoder}. `) +
          'Bands are 95 % intervals.',
      },
      {
        kind: 'table',
        columns: ['block', 'width', 'top-1, %', '95 % interval', 'top-5, %', 'penalty'],
        rows: blocks.map(({ block, dim, top1, interval, top5, l2 }) => [
          block,
          String(dim),
          hundredths(top1),
          `${hundredths(interval.low)} to ${hundredths(interval.high)}`,
          hundredths(top5),
          String(l2),
        ]),
      },
      confusionTable(probe.result, { classes: images.train.classNames, name: best }),
      ...warnings.map((text) => ({ kind: 'text' as const, text })),
    ],
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
