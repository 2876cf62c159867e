import { ConfigError, ShapeError, type HostTensor } from '@vitvq/core';
import { codeColors } from './code-colors.js';
import { canDraw, type LineChartOptions } from './line-chart.js';
import { lineReportChart } from './line-report-chart.js';
import type { CommandsBlock, ReportContent, ReportSection } from './report-content.js';
import { toRgbImages } from './rgb-image.js';
import { tokenMap } from './token-map.js';

/** What an evaluation of a tokenizer on images that it has not seen found; `@vitvq/stage1`'s `Evaluation` is one. */
export interface Stage1EvaluationFacts {
  /** Number of images. */
  readonly count: number;
  /** Decibels, mean over the images. */
  readonly psnr: number;
  /** Decibels of each image. */
  readonly psnrOfImages: ArrayLike<number>;
  readonly codebook: {
    /** Share of codes that the images use, in [0, 1]. */
    readonly usage: number;
    /** Share of codes in a batch of 256 images, by the paper's definition (arXiv:2110.04627, Table 4). */
    readonly paperUsage?: number | undefined;
    readonly perplexity: number;
    /** How often each code was used, `[K]`. */
    readonly counts: ArrayLike<number>;
  };
  readonly reconstructions: { readonly data: Float32Array };
  /** Codes in raster order, image after image. */
  readonly indices: ArrayLike<number>;
}

/** What is known of a codebook beyond how often its codes are used; `codebookReport` of `@vitvq/quantizers` makes one. */
export interface CodebookReportFacts {
  readonly closest?:
    | {
        /** Nearest first. */
        readonly pairs: readonly { readonly codes: readonly [number, number]; readonly distance: number }[];
        /** Codes with another one within `threshold`. */
        readonly duplicates: readonly number[];
        readonly threshold: number;
      }
    | undefined;
  /** Plain sentences. */
  readonly advice: readonly { readonly text: string }[];
}

export interface Stage1ReportFacts {
  readonly title: string;
  /** What the images are, such as `CIFAR-10, test split`. */
  readonly dataset: string;
  /** Images of the evaluation, `[B, H, W, C]` in [0, 1]. */
  readonly originals: {
    readonly data: Float32Array;
    readonly shape: readonly [number, number, number, number];
    /** One text an image, such as its class. */
    readonly names?: readonly string[];
  };
  readonly evaluation: Stage1EvaluationFacts;
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /** Code vectors `[K, E]` as the quantizer compares them: then similar codes get similar colours. */
  readonly codebook?: HostTensor;
  /** Adds codes that are alike, and advice, to what is said of the codebook. */
  readonly codebookReport?: CodebookReportFacts;
  /** Curves of the training, such as losses over steps; those without a point are left out. */
  readonly charts: readonly LineChartOptions[];
  readonly training: {
    readonly steps: number;
    readonly seconds: number;
    readonly imagesPerSecond: number;
    readonly parameterCount?: number;
    /** Trained on, in all. */
    readonly images?: number;
    readonly compileSeconds?: number;
  };
  readonly engine: {
    readonly name: string;
    readonly reason?: string;
    readonly threads?: number;
    readonly description?: string;
  };
  /** Nested objects are shown with dotted names. */
  readonly configuration: object;
  /** How to go on. */
  readonly commands: CommandsBlock['commands'];
  /** Pairs of original and reconstruction that are shown. @default 24 */
  readonly examples?: number;
  readonly footer?: string;
}

/** Images whose codes are shown as a map. */
const mapExamples = 9;

/**
 * The report of a tokenizer's training: originals beside reconstructions, token maps, curves, codebook, speed, configuration,
 * and how to go on. Pass it to `writeReport`.
 * @throws {ShapeError} when images, reconstructions, codes and names do not fit each other
 */
export function stage1Report(facts: Stage1ReportFacts): ReportContent {
  const { title, dataset, originals, evaluation, grid, codebook, charts, training, engine, examples = 24 } = facts;
  const [count, height, width, channels] = originals.shape;
  const tokens = grid[0] * grid[1];
  const { counts } = evaluation.codebook;
  const codebookSize = counts.length;
  if (!Number.isInteger(examples) || examples < 1) {
    throw new ConfigError({ where: 'stage1Report', expected: 'examples of at least 1', got: String(examples) });
  }
  const expectLength = (name: string, actual: number, expected: number): void => {
    if (actual === expected) return;
    throw new ShapeError({
      where: 'stage1Report',
      expected: `${expected} ${name} for ${count} images`,
      got: String(actual),
    });
  };
  expectLength('original values', originals.data.length, count * height * width * channels);
  expectLength('reconstructed values', evaluation.reconstructions.data.length, originals.data.length);
  expectLength('codes', evaluation.indices.length, count * tokens);
  expectLength('PSNR values', evaluation.psnrOfImages.length, count);
  if (originals.names) expectLength('names', originals.names.length, count);

  const shown = Math.min(examples, count);
  const pixels = height * width * channels;
  const first = (data: Float32Array): ReturnType<typeof toRgbImages> =>
    toRgbImages(data.subarray(0, shown * pixels), [shown, height, width, channels]);
  const before = first(originals.data);
  const after = first(evaluation.reconstructions.data);
  const colors = codeColors({ codebookSize, codebook });
  const maps = Array.from({ length: Math.min(mapExamples, shown) }, (_, index) => {
    const codes = Array.from({ length: tokens }, (_, token) => evaluation.indices[index * tokens + token]!);
    return tokenMap(codes, { grid, colors, scale: Math.max(1, Math.round(height / grid[0])) });
  });
  const caption = (index: number): string =>
    [originals.names?.[index], `${evaluation.psnrOfImages[index]!.toFixed(1)} dB`].filter(Boolean).join(' · ');

  const codeBits = Math.ceil(Math.log2(codebookSize));
  const codeBytes = Math.ceil((tokens * codeBits) / 8);
  const imageBytes = height * width * channels;
  const { usage, paperUsage, perplexity } = evaluation.codebook;
  const usedCodes = Array.from(counts).filter((value) => value > 0).length;

  const sections: ReportSection[] = [
    {
      title: 'Reconstructions',
      blocks: [
        {
          kind: 'gallery',
          labels: ['original', 'reconstruction'],
          items: before.map((image, index) => ({ images: [image, after[index]!], caption: caption(index) })),
          caption: `The first ${integer(shown)} of ${integer(count)} images that were kept out of the training, each beside what the decoder makes of its ${integer(tokens)} codes. Higher PSNR is closer.`,
          file: 'reconstructions.png',
        },
      ],
    },
    {
      title: 'Token maps',
      blocks: [
        {
          kind: 'gallery',
          labels: ['original', 'codes', 'reconstruction'],
          items: maps.map((map, index) => ({ images: [before[index]!, map, after[index]!], caption: caption(index) })),
          caption: codebook
            ? `Each square is one of the ${grid[0]} × ${grid[1]} codes. Codes with similar vectors have similar colours (first three principal components of the codebook).`
            : `Each square is one of the ${grid[0]} × ${grid[1]} codes, in a colour of its own.`,
          file: 'token-maps.png',
        },
      ],
    },
  ];
  // A run that was stopped at once has nothing to draw yet.
  const curves = charts.filter(canDraw);
  if (curves.length > 0) {
    sections.push({
      title: 'Training',
      blocks: [
        { kind: 'charts', charts: curves.map((chart, index) => lineReportChart(`training-${index + 1}.png`, chart)) },
      ],
    });
  }
  sections.push(
    {
      title: 'Codebook',
      blocks: [
        {
          kind: 'charts',
          charts: [
            {
              chart: {
                type: 'rank',
                title: 'How often each code is used',
                counts,
                xLabel: 'codes, most frequent first',
                yLabel: 'occurrences',
              },
              alt: `${integer(usedCodes)} of ${integer(codebookSize)} codes are used; the most frequent one ${integer(Math.max(...Array.from(counts)))} times.`,
              caption: `Over all ${integer(count)} images. The closer to the dashed line, the better the codebook is used.`,
              file: 'codebook-usage.png',
            },
          ],
        },
        {
          kind: 'table',
          rows: [
            ['Codes used', `${integer(usedCodes)} of ${integer(codebookSize)} (${percent(usage)})`],
            ...(paperUsage === undefined
              ? []
              : [['Used by a batch of 256 images', `${percent(paperUsage)} on average`]]),
            ['Perplexity', `${perplexity.toFixed(1)}: as diverse as that many codes used evenly`],
            ...closestRows(facts.codebookReport?.closest),
          ],
        },
        ...(facts.codebookReport?.advice ?? []).map(({ text }) => ({ kind: 'text' as const, text })),
      ],
    },
    {
      title: 'Speed and engine',
      blocks: [
        {
          kind: 'table',
          rows: [
            ['Engine', engine.name],
            ...optionalRow('Chosen because', engine.reason),
            ...optionalRow('Description', engine.description),
            ...optionalRow('Threads', engine.threads?.toString()),
            ['Training speed', `${decimal(training.imagesPerSecond)} images per second`],
            ['Steps', `${integer(training.steps)} in ${duration(training.seconds)}`],
            ...optionalRow('Compiling', training.compileSeconds && duration(training.compileSeconds)),
            ...optionalRow('Images seen', training.images && integer(training.images)),
            ...optionalRow('Parameters', training.parameterCount && integer(training.parameterCount)),
          ],
        },
      ],
    },
    { title: 'Configuration', blocks: [{ kind: 'table', rows: configurationRows(facts.configuration) }] },
  );
  if (facts.commands.length > 0) {
    sections.push({ title: 'How to go on', blocks: [{ kind: 'commands', commands: facts.commands }] });
  }

  return {
    title,
    lead: `Each ${width} × ${height} image becomes ${grid[0]} × ${grid[1]} codes from a codebook of ${integer(codebookSize)}, ${integer(codeBytes)} ${codeBytes === 1 ? 'byte' : 'bytes'} instead of ${integer(imageBytes)}, and is drawn again from them. Measured on ${integer(count)} images of ${dataset} that the training did not see.`,
    summary: [
      { label: 'PSNR', value: evaluation.psnr.toFixed(2), unit: 'dB', note: `mean of ${integer(count)} images` },
      {
        label: 'Codebook usage',
        value: percent(usage),
        note: `${integer(usedCodes)} of ${integer(codebookSize)} codes`,
      },
      { label: 'Perplexity', value: perplexity.toFixed(0), note: `at most ${integer(codebookSize)}` },
      { label: 'Steps', value: integer(training.steps), note: `in ${duration(training.seconds)}` },
      { label: 'Speed', value: decimal(training.imagesPerSecond), unit: 'images/s', note: engineNote(engine) },
    ],
    sections,
    footer: facts.footer,
  };
}

/** Rows of a table: dotted names and values of a nested configuration, in its order. */
export function configurationRows(configuration: object, prefix = ''): [string, string][] {
  return Object.entries(configuration).flatMap(([key, value]: [string, unknown]): [string, string][] => {
    const name = `${prefix}${key}`;
    if (value === undefined) return [];
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return configurationRows(value, `${name}.`);
    if (Array.isArray(value)) return [[name, value.map((item) => scalarText(item)).join(', ')]];
    return [[name, scalarText(value)]];
  });
}

function scalarText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}

function closestRows(closest: CodebookReportFacts['closest']): string[][] {
  if (!closest) return [];
  const { pairs, duplicates, threshold } = closest;
  return [
    [
      'Closest codes',
      pairs.map(({ codes, distance }) => `${codes.join(' and ')} (${significant(distance)})`).join(', '),
    ],
    ['Codes that are alike', `${integer(duplicates.length)} within ${significant(threshold)} of another`],
  ];
}

function optionalRow(name: string, value: string | number | undefined): string[][] {
  return value ? [[name, String(value)]] : [];
}

function engineNote({ name, threads }: Stage1ReportFacts['engine']): string {
  return threads ? `${name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : name;
}

const integer = (value: number): string => Math.round(value).toLocaleString('en-US');
const decimal = (value: number): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 });
const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
const significant = (value: number): string => String(Number(value.toPrecision(3)));

function duration(seconds: number): string {
  if (seconds < 60) return `${decimal(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  const rest = Math.round(seconds) % 60;
  if (minutes < 60) return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
