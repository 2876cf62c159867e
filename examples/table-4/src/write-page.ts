import { writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { firstImages, type HostImages } from '@vitvq/core';
import { comparisonGrid, writePng, writeReport, type LineChartOptions, type ReportChart } from '@vitvq/report';
import { shellCommand } from '@vitvq/run';
import { BATCH_SIZE, CODE_DIMS, PAPER, VARIANTS, type Settings, type Variant } from './config.js';
import type { Results } from './results.js';
import type { Result } from './train-variant.js';

const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;
const thousandths = (error: number): string => (1000 * error).toFixed(2);

/** What a page is about. */
export interface PageSubject {
  readonly settings: Settings;
  /** Folder of one's own images. @default CIFAR-10 */
  readonly data?: string | undefined;
}

/**
 * Writes `results.md` with its pictures, and `report.html` with the same.
 * @returns the path of `results.md`
 */
export async function writePage(
  out: string,
  results: Results,
  test: HostImages,
  { settings, data }: PageSubject,
): Promise<string> {
  const rows = VARIANTS.map((variant) => ({ variant, result: results.of(variant)! }));
  const codes = rows.filter(({ variant }) => variant.table === 'codes');
  const discriminators = rows.filter(({ variant }) => variant.table === 'discriminators');
  const [count, height, width] = test.shape;
  const lead =
    `${data === undefined ? 'CIFAR-10' : basename(resolve(data))}, ${height}x${width} pixels, 64 tokens, 512 codes; each training ${settings.steps} steps of ${BATCH_SIZE} images, seed ` +
    `${settings.seed}. The paper: ImageNet, 256x256 pixels, 1,024 tokens, 8,192 codes, 500,000 steps of 256 images.`;
  const codeTable = { columns: codeColumns, rows: codes.map(codeRow) };
  const discriminatorTable = { columns: discriminatorColumns, rows: discriminators.map(discriminatorRow) };
  const comparisons = compare(codes, discriminators);

  await writePng(join(out, 'originals.png'), await comparisonGrid([firstImages(test, 16)], { scale: 2 }));
  await writeReport(out, {
    title: 'Table 4 of the ViT-VQGAN paper at small scale',
    lead,
    sections: [
      {
        title: 'Dimension of the codes',
        blocks: [
          { kind: 'charts', charts: [usageChart(codes), errorChart(codes)] },
          { kind: 'table', ...codeTable },
        ],
      },
      { title: 'Discriminators', blocks: [{ kind: 'table', ...discriminatorTable }] },
      { title: 'Beside the paper', blocks: comparisons.map((text) => ({ kind: 'text', text })) },
    ],
  });
  const picture = (name: string): string => `![${name}](${name}.png)`;
  const command = shellCommand([
    ...['npm', 'run', 'table-4', '--', '--steps', String(settings.steps), '--seed', String(settings.seed)],
    ...(data === undefined ? [] : ['--data', data]),
  ]);
  const usage =
    count < 256
      ? `Usage is the fraction of codes in all ${count} test images.`
      : 'Usage is the fraction of codes in a batch of 256 test images, mean over the batches, as the paper defines it.';
  const page = `# Table 4 at small scale

${lead} Written by \`${command}\`.

${usage} Errors are on ${count.toLocaleString('en')}
test images. Detail is how much neighbouring pixels differ, against the originals: below 1 is blurred. FID, which the paper
compares, needs a network with pretrained weights and is not measured here.

## Dimension of the codes

![Codebook usage against the dimension of the codes](codebook-usage.png)
![Reconstruction error against the dimension of the codes](reconstruction-error.png)

${markdownTable(codeTable)}

## Discriminators

${markdownTable(discriminatorTable)}

Originals, then without a discriminator, with StyleGAN's, with a patch discriminator:

${['originals', ...discriminators.map(({ variant }) => variant.name)].map(picture).join('\n\n')}

## Beside the paper

${comparisons.map((text) => `- ${text}`).join('\n')}
`;
  const file = join(out, 'results.md');
  await writeFile(file, page);
  return file;
}

interface Row {
  readonly variant: Variant;
  readonly result: Result;
}

const codeColumns = ['dimension', 'l2-norm', 'usage', 'usage, paper', 'l2 (1e-3)', 'l2, paper', 'perplexity', 'PSNR'];

function codeRow({ variant, result }: Row): string[] {
  const { codeDim, normalize } = variant;
  const paper = paperOf(variant);
  return [
    String(codeDim),
    normalize ? 'yes' : 'no',
    percent(result.usage),
    paper ? percent(paper.usage) : '',
    thousandths(result.l2),
    paper ? paper.l2.toFixed(2) : '',
    result.perplexity.toFixed(0),
    `${result.psnr.toFixed(2)} dB`,
  ];
}

/** What the paper has for it, if it has it. */
function paperOf({ codeDim, normalize }: Variant): { usage: number; l2: number } | undefined {
  const { withoutNormalization, usage, l2 } = PAPER;
  if (!normalize) return codeDim === withoutNormalization.codeDim ? withoutNormalization : undefined;
  const dim = CODE_DIMS.find((candidate) => candidate === codeDim)!;
  return { usage: usage[dim], l2: l2[dim] };
}

const discriminatorColumns = ['discriminator', 'usage', 'l1 (1e-2)', 'l2 (1e-3)', 'PSNR', 'detail'];

function discriminatorRow({ variant, result }: Row): string[] {
  const { usage, l1, l2, psnr, detail } = result;
  return [
    variant.discriminator,
    percent(usage),
    (100 * l1).toFixed(2),
    thousandths(l2),
    `${psnr.toFixed(2)} dB`,
    detail.toFixed(2),
  ];
}

/** What the paper finds, what came out here, and whether the two point the same way. */
function compare(codes: readonly Row[], discriminators: readonly Row[]): string[] {
  const code = (codeDim: number, normalize: boolean): Result =>
    codes.find(({ variant }) => variant.codeDim === codeDim && variant.normalize === normalize)!.result;
  const against = (name: Variant['discriminator']): Result =>
    discriminators.find(({ variant }) => variant.discriminator === name)!.result;
  const verdict = (isSame: boolean): string => (isSame ? 'The same direction.' : 'NOT the same direction.');
  const normalized = codes.filter(({ variant }) => variant.normalize);
  const bestDim = normalized.reduce((best, row) => (row.result.l2 < best.result.l2 ? row : best)).variant.codeDim;
  const [plain, l2Norm] = [code(32, false), code(32, true)];
  const [none, style, patch] = [against('none'), against('style'), against('patch')];
  return [
    `Usage falls as codes get more dimensions. Paper: ${percent(PAPER.usage[4])} at 4, ${percent(PAPER.usage[256])} at 256. Here: ${percent(code(4, true).usage)} and ${percent(code(256, true).usage)}. ${verdict(code(4, true).usage > code(256, true).usage)}`,
    `Without l2-normalisation the codebook collapses. Paper, 32 dimensions: ${percent(PAPER.withoutNormalization.usage)} instead of ${percent(PAPER.usage[32])}, l2 ${PAPER.withoutNormalization.l2}e-3 instead of ${PAPER.l2[32]}e-3. Here: ${percent(plain.usage)} instead of ${percent(l2Norm.usage)}, ${thousandths(plain.l2)}e-3 instead of ${thousandths(l2Norm.l2)}e-3. ${verdict(plain.usage < l2Norm.usage && plain.l2 > l2Norm.l2)}`,
    `Many dimensions cost quality. Paper: l2 ${PAPER.l2[256]}e-3 at 256, ${PAPER.l2[8]}e-3 at 8. Here: ${thousandths(code(256, true).l2)}e-3 and ${thousandths(code(8, true).l2)}e-3. ${verdict(code(256, true).l2 > code(8, true).l2)}`,
    `Too few dimensions cost quality as well. Paper: l2 is lowest at 8 (${PAPER.l2[8]}e-3) and ${PAPER.l2[4]}e-3 at 4. Here it is lowest at ${bestDim}; ${thousandths(code(8, true).l2)}e-3 at 8 and ${thousandths(code(4, true).l2)}e-3 at 4. ${verdict(code(4, true).l2 > code(8, true).l2)}`,
    `A patch discriminator leaves a lower error than StyleGAN's, and worse pictures. Paper: l2 ${PAPER.patch.l2}e-3 against ${PAPER.style.l2}e-3, FID ${PAPER.patch.fid} against ${PAPER.style.fid}. Here: l2 ${thousandths(patch.l2)}e-3 against ${thousandths(style.l2)}e-3. ${verdict(patch.l2 < style.l2)}`,
    `A discriminator costs error and gives detail (not in Table 4). Here: l2 ${thousandths(style.l2)}e-3 with StyleGAN's, ${thousandths(patch.l2)}e-3 with the patch discriminator, ${thousandths(none.l2)}e-3 without; detail ${style.detail.toFixed(2)}, ${patch.detail.toFixed(2)} and ${none.detail.toFixed(2)}.`,
  ];
}

function usageChart(codes: readonly Row[]): ReportChart {
  return chart(codes, 'codebook-usage.png', {
    title: 'Codebook usage',
    yLabel: 'fraction of codes in 256 images',
    ours: ({ usage }) => usage,
    paper: PAPER.usage,
  });
}

function errorChart(codes: readonly Row[]): ReportChart {
  return chart(codes, 'reconstruction-error.png', {
    title: 'Reconstruction error',
    yLabel: 'mean squared error, 1e-3',
    ours: ({ l2 }) => 1000 * l2,
    paper: PAPER.l2,
  });
}

interface ChartText {
  readonly title: string;
  readonly yLabel: string;
  readonly ours: (result: Result) => number;
  readonly paper: Readonly<Record<number, number>>;
}

function chart(codes: readonly Row[], file: string, { title, yLabel, ours, paper }: ChartText): ReportChart {
  const line = (normalize: boolean): (readonly [number, number])[] =>
    codes
      .filter(({ variant }) => variant.normalize === normalize)
      .map(({ variant, result }) => [Math.log2(variant.codeDim), ours(result)]);
  const series: LineChartOptions['series'] = [
    { name: 'l2-norm', points: line(true) },
    { name: 'no l2-norm', points: line(false) },
    { name: 'paper', points: CODE_DIMS.map((dim) => [Math.log2(dim), paper[dim]!]) },
  ];
  return {
    chart: { type: 'line', title, xLabel: 'log2 of the dimension of the codes', yLabel, series },
    alt: `${title} for codes of 4 to 256 dimensions; the table below has the numbers.`,
    file,
  };
}

function markdownTable({
  columns,
  rows,
}: {
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---:')), ...rows.map(line)].join('\n');
}
