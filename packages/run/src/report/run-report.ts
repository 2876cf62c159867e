import { concatenate, formatPercent, type HostImages } from '@vitvq/core';
import { Evaluator } from '@vitvq/evaluation';
import { readImages } from '@vitvq/data';
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
  type SummaryCard,
  type TableBlock,
} from '@vitvq/report';
import { logCurve, readTrainingLog } from '@vitvq/training';
import type { ResolvedTransformerStage } from '../config/run-config.js';
import { imageSizeOf } from '../image-size.js';
import type { ProbeResult } from '../probe-models.js';
import { stageNames, type RunContext } from '../run-context.js';
import { someOf } from '../run-images.js';
import { secondsOf, type RunResults } from '../run-results.js';
import { readSamples } from '../stages/samples-stage.js';
import { openTokenizer, type TokenizerResult } from '../stages/tokenizer-stage.js';
import type { TransformerResult } from '../stages/transformer-stage.js';
import { cardsSection } from './cards-section.js';
import type { ReportOptions } from './tokenizer-report.js';

/** Reconstructions in the report. */
const shownReconstructions = 24;

/** Returns the report of a run with a transformer. */
export async function reportOfRun(
  context: RunContext,
  stage: ResolvedTransformerStage,
  results: Required<Pick<RunResults, 'codes' | 'transformer' | 'samples'>> & RunResults,
  { engine, commands }: ReportOptions,
): Promise<ReportContent> {
  const { config, images } = context;
  const { tokenizer, probe } = results;
  const minutes = (secondsOf(results).total! / 60).toFixed(1);
  return {
    title: config.title,
    lead:
      `${modelTitle(stage)} over the codes of a tokenizer, trained on ${images.train.name} in ${minutes} minutes. ` +
      'Everything is measured on images that no stage has learned from.',
    summary: summaryOf(stage, results),
    sections: [
      await generatedSection(context, stage, results),
      await reconstructions(context),
      ...(tokenizer
        ? [
            await tokenizerTraining(context, tokenizer.result),
            ...(tokenizer.result.codes ? [codebookSection(tokenizer.result.codes)] : []),
          ]
        : []),
      await transformerSection(context, stage, results),
      ...(probe ? [blocksSection(context, stage, probe.result)] : []),
      ...(results.evaluation ? [cardsSection(results.evaluation.result)] : []),
      timeSection(results),
      configSection(config, { engine }),
      ...(commands.length > 0 ? [commandsSection(commands)] : []),
    ],
  };
}

/** What the report calls the transformer. */
function modelTitle({ model }: ResolvedTransformerStage): string {
  return {
    gpt: 'GPT',
    'rq-transformer': 'RQTransformer',
    rar: 'RAR',
    masked: 'Masked transformer',
    'any-order': 'Any-order transformer',
  }[model.kind];
}

function summaryOf(
  stage: ResolvedTransformerStage,
  { tokenizer, transformer, probe }: Pick<Required<RunResults>, 'transformer'> & RunResults,
): SummaryCard[] {
  const cards: SummaryCard[] = [
    {
      label: 'Loss per token',
      value: transformer.result.validationNatsPerToken.toFixed(3),
      unit: 'nats',
      note: `unigram entropy ${transformer.result.unigramNatsPerToken.toFixed(3)}`,
    },
  ];
  if (probe) {
    const [best, pixels, untrained] = [probe.result.best, probe.result.pixels, probe.result.untrained].map((block) =>
      blockOf(probe.result, block),
    ) as [Block, Block, Block];
    const note = `raw pixels ${formatPercent(pixels.top1)}`;
    cards.push(
      { label: 'Probe, top-1', value: formatPercent(best.top1), note },
      {
        label: 'Random network',
        value: formatPercent(untrained.top1),
        note: `the same ${modelTitle(stage)} before its training`,
      },
    );
  }
  if (tokenizer) {
    const { psnr, codebookUsage } = tokenizer.result;
    cards.push(
      { label: 'PSNR', value: psnr.toFixed(2), unit: 'dB', note: 'of reconstructions' },
      ...(codebookUsage === undefined
        ? []
        : [{ label: 'Codebook usage', value: formatPercent(codebookUsage), note: 'in 256 images' }]),
    );
  }
  return cards;
}

async function generatedSection(
  context: RunContext,
  stage: ResolvedTransformerStage,
  { samples, probe }: Pick<Required<RunResults>, 'samples'> & RunResults,
): Promise<ReportSection> {
  const { perClass, firstSeed, classes, prompts, liked } = samples.result;
  const { guidanceScale, topK, temperature, candidates, sureEnough } = context.config.samples;
  const generatedTop1 = probe?.result.generatedTop1 ?? null;
  const choices = [
    ...(((classes ?? prompts) !== null || liked > 0) && guidanceScale !== null ? [`guidance ${guidanceScale}`] : []),
    topK === null ? 'all codes' : `the ${topK} most likely codes`,
    ...(temperature === 1 ? [] : [`temperature ${temperature}`]),
    ...(classes !== null && candidates > 1
      ? [
          sureEnough < 1
            ? `the first of ${candidates} candidates with its class to ${formatPercent(sureEnough)}, or the surest`
            : `the surest of ${candidates} candidates`,
        ]
      : []),
  ].join(', ');
  const judged =
    generatedTop1 === null
      ? ''
      : ` The probe, which has only seen photographs, takes ${formatPercent(generatedTop1)} of them for the class that they were asked for.`;
  const given =
    classes !== null
      ? ', given the class,'
      : prompts !== null
        ? ', given the text,'
        : liked > 0
          ? ', given a vector of the real image,'
          : '';
  const drawn = await readSamples(context);
  const labels = Array.from({ length: perClass }, (_, column) => `seed ${firstSeed + column}`);
  const seeds = liked > 0 ? ['real', ...labels] : labels;
  return samplesSection({
    title: 'Generated images',
    samples: liked > 0 ? besideReal(await readSamples(context, 'liked'), drawn) : drawn,
    labels: seeds,
    rows: prompts ?? likedRows(liked) ?? (classes === null ? ['images'] : context.images.train.classNames),
    caption:
      `Drawn token by token by the ${modelTitle(stage)}${given} and decoded by ` +
      `the tokenizer: none is chosen. Drawn from ${choices}.${judged}`,
  });
}

/** Names rows of images by the real ones that they were drawn after; undefined without such. */
function likedRows(liked: number): string[] | undefined {
  return liked === 0 ? undefined : Array.from({ length: liked }, (_, row) => `like image ${row}`);
}

/** Returns rows of drawn images, each after the real image that it was drawn after. */
function besideReal(real: HostImages, drawn: HostImages): HostImages {
  const [rows, ...shape] = real.shape;
  const size = real.data.length / rows;
  const columns = drawn.shape[0] / rows;
  const parts = Array.from({ length: rows }, (_, row) => [
    real.data.subarray(row * size, (row + 1) * size),
    drawn.data.subarray(row * columns * size, (row + 1) * columns * size),
  ]);
  return { data: concatenate(parts.flat(), Float32Array), shape: [rows * (columns + 1), ...shape] };
}

async function reconstructions(context: RunContext): Promise<ReportSection> {
  const { images } = context;
  const tokenizer = await openTokenizer(context);
  const evaluator = new Evaluator(tokenizer, { batchSize: shownReconstructions });
  try {
    const source = someOf(images.validation, shownReconstructions);
    const originals = await readImages(source, { imageSize: imageSizeOf(tokenizer), onSkip: images.onSkip });
    const { reconstructions: made } = await evaluator.evaluate(originals);
    return reconstructionsSection({
      title: 'Tokenizer',
      originals,
      reconstructions: made,
      shown: originals.shape[0],
      ...(originals.names.some(Boolean) && { names: originals.names }),
      caption: 'Held-out images, each beside what is left of it in its codes: the best that can be drawn with them.',
    });
  } finally {
    evaluator.dispose();
    tokenizer.dispose();
  }
}

async function tokenizerTraining(
  { folder }: RunContext,
  { psnr, codebookUsage, codebookPerplexity, steps, trainingSeconds, parameterCount }: TokenizerResult,
): Promise<ReportSection> {
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
        yLabel: 'decibels, held-out images',
        series: [{ name: 'PSNR', points: logCurve(log, 'evaluate', 'psnr') }],
        file: 'tokenizer-psnr.png',
      },
    ],
    training: { steps, seconds: trainingSeconds, parameterCount },
    rows: [
      ['PSNR', `${psnr.toFixed(2)} dB`],
      ...(codebookUsage === undefined ? [] : [['Codes used by 256 images', formatPercent(codebookUsage)]]),
      ...(codebookPerplexity === undefined ? [] : [['Perplexity of the codes', codebookPerplexity.toFixed(1)]]),
    ],
  });
}

async function transformerSection(
  { folder }: RunContext,
  stage: ResolvedTransformerStage,
  { transformer, codes }: Pick<Required<RunResults>, 'transformer' | 'codes'>,
): Promise<ReportSection> {
  const { validationNatsPerToken, unigramNatsPerToken, levels, steps, trainingSeconds, parameterCount } =
    transformer.result;
  const log = await readTrainingLog(folder.of('transformer'));
  const section = likelihoodSection({
    title: modelTitle(stage),
    curves: [
      { name: 'training', points: logCurve(log, 'step', 'loss') },
      { name: 'validation', points: logCurve(log, 'evaluate', 'natsPerToken') },
    ],
    measurements: [{ name: 'Validation, given the condition', nats: validationNatsPerToken }],
    unigramNats: unigramNatsPerToken,
    training: { steps, seconds: trainingSeconds, parameterCount },
    rows: [['Codes', `of ${codes.result.images.toLocaleString('en-US')} images, in ${codes.result.views} views`]],
    file: 'transformer-loss.png',
  });
  return levels.length > 1 ? { ...section, blocks: [...section.blocks, levelsTable(transformer.result)] } : section;
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

function blocksSection(
  { images }: RunContext,
  stage: ResolvedTransformerStage,
  { blocks, best, encoder, samples, warnings, confusion }: ProbeResult,
): ReportSection {
  const probed = blocks.map(({ block, kind, dim, l2, nearestTop1: _nearest, ...test }) => ({
    block,
    kind,
    dim,
    chosen: { l2 },
    test,
  }));
  const found = probed.find(({ block }) => block === best)!;
  return probeSection(
    { blocks: probed, best: { ...found, test: { ...found.test, confusion } }, samples, warnings },
    {
      model: modelTitle(stage),
      classes: images.train.classNames,
      text:
        `A ${modelTitle(stage)} of classes is given the null token instead of the class: with the class, the probe would ` +
        'read it off. Its training did see classes, as conditions of other images, so this is not the unsupervised ' +
        `probe of the paper. The tokenizer's encoder is never told a class; its best block is ${encoder}.`,
      xLabel: 'encoder, latents, quantized; then embedding, blocks, final norm',
    },
  );
}

function timeSection(results: RunResults): ReportSection {
  const seconds = secondsOf(results);
  const rows = [...stageNames, 'total'].flatMap((stage): [string, string][] =>
    seconds[stage] === undefined ? [] : [[stage, `${seconds[stage].toFixed(1)} s`]],
  );
  return { title: 'Time', blocks: [{ kind: 'table', rows }] };
}

function blockOf({ blocks }: ProbeResult, name: string): Block {
  return blocks.find(({ block }) => block === name)!;
}
