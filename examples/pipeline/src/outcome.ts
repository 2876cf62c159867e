import { join } from 'node:path';
import { readSafetensors } from '@vitvq/checkpoint';
import { formatPercent } from '@vitvq/core';
import { METRICS_FILE, type StageResult } from '@vitvq/example-shared';
import type { Engine } from '@vitvq/engine';
import {
  codebookSection,
  commandsSection,
  configSection,
  likelihoodSection,
  probeSection,
  reconstructionsSection,
  samplesSection,
  trainingSection,
  type ReportContent,
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

/** Returns the numbers of `metrics.json`. */
export function metricsOf({ settings }: StageContext, outcome: Outcome, { name, threads }: Engine): object {
  const { tokenizer, gpt, probe } = outcome;
  const best = blockOf(probe.result, probe.result.best);
  return {
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
  };
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

/** Returns the report of the run. */
export async function reportOf(context: StageContext, outcome: Outcome, engine: Engine): Promise<ReportContent> {
  const { images, settings } = context;
  const { tokenizer, gpt, probe } = outcome;
  const [best, pixels, untrained] = [probe.result.best, probe.result.pixels, probe.result.untrained].map((block) =>
    blockOf(probe.result, block),
  ) as [Block, Block, Block];
  const seconds = secondsOf(outcome);
  const command = `npm run ${settings.model === 'gpt' ? 'pipeline' : 'rq-pipeline'} --`;
  return {
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
      { label: 'Probe, top-1', value: formatPercent(best.top1), note: `raw pixels ${formatPercent(pixels.top1)}` },
      {
        label: 'Random network',
        value: formatPercent(untrained.top1),
        note: `the same ${modelTitle(settings)} before its training`,
      },
      { label: 'PSNR', value: tokenizer.result.psnr.toFixed(2), unit: 'dB', note: 'of reconstructions' },
      { label: 'Codebook usage', value: formatPercent(tokenizer.result.codebookUsage), note: 'in 256 images' },
    ],
    sections: [
      await generatedSection(context, outcome),
      await tokenizerReconstructions(context),
      await tokenizerTraining(context, outcome),
      ...(tokenizer.result.codes ? [codebookSection(tokenizer.result.codes)] : []),
      await transformerSection(context, outcome),
      blocksSection(context, outcome),
      timeSection(outcome),
      configSection(
        {
          settings,
          tokenizer: { model: tokenizerConfig(settings), training: tokenizerPlan(settings) },
          transformer: { training: transformerPlan(settings) },
          sampling: SAMPLING,
        },
        { engine },
      ),
      commandsSection([
        { purpose: 'Another seed', command: `${command} --seed 1 --out ${DEFAULTS.out[settings.model]}-1` },
        {
          purpose: 'Longer, on more images',
          command: `${command} --minutes 60 --out ${DEFAULTS.out[settings.model]}-60`,
        },
      ]),
    ],
  };
}

async function generatedSection(context: StageContext, outcome: Outcome): Promise<ReportSection> {
  const { perClass, firstSeed } = outcome.samples.result;
  const { data, shape } = await readSamples(context);
  return samplesSection({
    title: 'Generated images',
    samples: { data, shape },
    labels: Array.from({ length: perClass }, (_, column) => `seed ${firstSeed + column}`),
    rows: context.images.train.classNames,
    caption:
      `Drawn token by token by the ${modelTitle(context.settings)}, given the class, and decoded by the tokenizer: none is chosen. ` +
      `Guidance ${SAMPLING.guidanceScale}, the ${SAMPLING.topK} most likely codes. The probe, which has only seen ` +
      `photographs, takes ${formatPercent(outcome.probe.result.generatedTop1)} of them for the class that they were asked for.`,
  });
}

async function tokenizerReconstructions({ folder, images }: StageContext): Promise<ReportSection> {
  const { tensors } = await readSafetensors(join(folder.of('tokenizer'), RECONSTRUCTIONS_FILE));
  const [originals, reconstructions] = ['originals', 'reconstructions'].map((name) => tensors.get(name)!) as [
    Pictures,
    Pictures,
  ];
  const [shown] = originals.shape;
  const { classNames, labels } = images.test;
  return reconstructionsSection({
    title: 'Tokenizer',
    originals,
    reconstructions,
    shown,
    names: Array.from({ length: shown }, (_, image) => classNames[labels[image]!]!),
    caption: 'Test images, each beside what is left of it in its codes: the best that can be drawn with them.',
  });
}

async function tokenizerTraining({ folder }: StageContext, { tokenizer }: Outcome): Promise<ReportSection> {
  const { psnr, codebookUsage, codebookPerplexity, steps, trainingSeconds, parameterCount } = tokenizer.result;
  const log = await readTrainingLog(folder.of('tokenizer'));
  return trainingSection({
    title: 'Training of the tokenizer',
    charts: [
      {
        title: 'Squared error',
        xLabel: 'step',
        yLabel: 'training images',
        scale: 'log',
        series: [{ name: 'squared error', points: logCurve(log, 'step', 'l2') }],
        file: 'tokenizer-loss.png',
      },
      {
        title: 'PSNR',
        xLabel: 'step',
        yLabel: 'decibels, test images',
        series: [{ name: 'PSNR', points: logCurve(log, 'evaluate', 'psnr') }],
        file: 'tokenizer-psnr.png',
      },
    ],
    training: { steps, seconds: trainingSeconds, parameterCount },
    rows: [
      ['PSNR', `${psnr.toFixed(2)} dB`],
      ['Codes used by 256 images', formatPercent(codebookUsage)],
      ['Perplexity of the codes', codebookPerplexity.toFixed(1)],
    ],
  });
}

async function transformerSection({ folder, settings }: StageContext, { gpt, codes }: Outcome): Promise<ReportSection> {
  const { validationNatsPerToken, unigramNatsPerToken, levels, steps, trainingSeconds, parameterCount } = gpt.result;
  const log = await readTrainingLog(folder.of('gpt'));
  const section = likelihoodSection({
    title: modelTitle(settings),
    curves: [
      { name: 'training', points: logCurve(log, 'step', 'loss') },
      { name: 'validation', points: logCurve(log, 'evaluate', 'natsPerToken') },
    ],
    measurements: [{ name: 'Validation, given the class, with the EMA of the weights', nats: validationNatsPerToken }],
    unigramNats: unigramNatsPerToken,
    training: { steps, seconds: trainingSeconds, parameterCount },
    rows: [['Codes', `of ${codes.result.images.toLocaleString('en-US')} images, in ${codes.result.views} views`]],
    file: 'gpt-loss.png',
  });
  return levels.length > 1 ? { ...section, blocks: [...section.blocks, levelsTable(gpt.result)] } : section;
}

/**
 * Residual codes: the first says most of a token, the last next to nothing that the others did not.
 */
function levelsTable({ levels, validationNatsPerToken, unigramNatsPerToken }: TransformerResult): TableBlock {
  const ofPosition = (perToken: number): string => (perToken * levels.length).toFixed(3);
  return {
    kind: 'table',
    caption:
      `A position has ${levels.length} codes, and the values above are means over them. Together they take ` +
      `${ofPosition(validationNatsPerToken)} nats a position, where the unigram entropies add up to ` +
      `${ofPosition(unigramNatsPerToken)}.`,
    columns: ['level', 'unigram entropy, nats', 'codes in use'],
    rows: levels.map(({ unigramNats, usage }, level) => [
      String(level + 1),
      unigramNats.toFixed(3),
      formatPercent(usage),
    ]),
  };
}

type Block = ProbeResult['blocks'][number];

function blocksSection({ images, settings }: StageContext, { probe }: Outcome): ReportSection {
  const { blocks, best, encoder, samples, warnings, confusion } = probe.result;
  const probed = blocks.map(({ block, kind, dim, l2, ...test }) => ({ block, kind, dim, chosen: { l2 }, test }));
  const found = probed.find(({ block }) => block === best)!;
  return probeSection(
    { blocks: probed, best: { ...found, test: { ...found.test, confusion } }, samples, warnings },
    {
      model: modelTitle(settings),
      classes: images.train.classNames,
      text:
        `The ${modelTitle(settings)} is given the null token instead of the class: with the class, the probe would read it off. ` +
        'Its training did see classes, as conditions of other images, so this is not the unsupervised probe of the paper.' +
        (encoder === undefined
          ? ''
          : ` The tokenizer's encoder has seen pixels alone, and no class; its best block is ${encoder}.`),
      xLabel: `${encoder === undefined ? '' : 'encoder, latents, quantized; then '}embedding, blocks, final norm`,
    },
  );
}

function timeSection(outcome: Outcome): ReportSection {
  const rows = Object.entries(secondsOf(outcome)).map(([stage, value]) => [stage, `${value.toFixed(1)} s`]);
  return { title: 'Time', blocks: [{ kind: 'table', rows }] };
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
