import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFolder } from '@vitvq/files';
import { lineChart, lineReportChart, svgToPng, writeReport, type ReportBlock } from '@vitvq/report';
import { shellCommand } from '@vitvq/run';
import { chartGroups, type ChartGroup } from './charts.js';
import { BATCH_SIZE, CODEBOOK_SIZE, EVERY, TEST_IMAGES, type Settings } from './config.js';
import { findings } from './findings.js';
import { markdownTable, type Table } from './markdown-table.js';
import type { Results } from './results.js';
import { METRICS } from './metrics.js';
import { Study } from './study.js';
import { differenceTable, endTable, kindTable } from './tables.js';

/** Name of the page, and of the folder of its pictures in `images`. */
const PAGE = 'codebook-health';

const TITLE = 'The health of a codebook';
const PICTURES = `images/${PAGE}`;

/** Pixels for one unit of a chart; three charts stand beside each other. */
const PICTURE_SCALE = 1;

/** What a page is about. */
export interface PageSubject {
  readonly settings: Settings;
  /** Of which there are results of every variant. */
  readonly seeds: readonly number[];
}

/**
 * Writes the page with its pictures, and `report.html` with the same.
 * @returns the path of the page
 */
export async function writePage(out: string, results: Results, subject: PageSubject): Promise<string> {
  const study = new Study(results, subject.seeds);
  const groups = chartGroups(study);
  await createFolder(join(out, PICTURES));
  for (const { file, ...chart } of groups.flatMap(({ charts }) => charts)) {
    await writeFile(join(out, PICTURES, file), await svgToPng(await lineChart(chart), { scale: PICTURE_SCALE }));
  }
  await writeReport(out, {
    title: TITLE,
    lead: lead(subject),
    sections: [
      { title: 'What follows', blocks: findings(study).map((text) => ({ kind: 'text', text })) },
      { title: 'After the trainings', blocks: [tableBlock(endTable(study))] },
      { title: 'What the treatments change', blocks: [tableBlock(differenceTable(study))] },
      ...groups.map(({ title, charts }) => ({ title, blocks: [chartsBlock(charts)] })),
    ],
  });
  const file = join(out, `${PAGE}.md`);
  await writeFile(file, pageText(study, subject));
  return file;
}

function tableBlock({ columns, rows }: Table): ReportBlock {
  return { kind: 'table', columns, rows: rows.map((row) => row.map((cell) => cell.replaceAll('**', ''))) };
}

/** The pictures are in a folder of their own already. */
function chartsBlock(charts: ChartGroup['charts']): ReportBlock {
  return {
    kind: 'charts',
    charts: charts.map(({ file, ...options }) => {
      const { chart, alt } = lineReportChart(file, options);
      return { chart, alt };
    }),
  };
}

function lead({ settings, seeds }: PageSubject): string {
  return `CIFAR-10, 32x32 pixels, 64 tokens, ${CODEBOOK_SIZE} codes; each training ${settings.steps} steps of ${BATCH_SIZE} images, from ${seeds.length} seeds; measured on ${TEST_IMAGES} held-out images.`;
}

/** Returns the page as Markdown. */
export function pageText(study: Study, subject: PageSubject): string {
  const { settings, seeds } = subject;
  const command = shellCommand([
    ...['npm', 'run', 'codebook-study', '--', '--steps', String(settings.steps), '--seeds', String(seeds.length)],
    ...['--threads', '1'],
  ]);
  const charts = chartGroups(study).map(({ title, charts: own }) => {
    const pictures = own.map((chart) => `![${chart.title}](${PICTURES}/${chart.file})`);
    const columns = Object.values(METRICS).map((metric) => metric.title);
    return `### ${title}\n\n${markdownTable({ columns, texts: columns.length, rows: [pictures] })}`;
  });
  return `# ${TITLE}

Which quantizers lose their codes in training, and what helps? Nine of them, each trained as it is, with codes that start as
features of the first batch (\`codebook.initializeFromData\`), with codes that nothing chose set to features every ${EVERY.reset}
steps (\`codebook.resetEvery\`, and \`trackUsage\` of the quantizer), and with both, where its codes allow that.

${lead(subject)}
Written by \`${command}\`, in ${Math.round(study.seconds / 60)}
minutes of a machine that had other work as well; [examples/codebook-study](../examples/codebook-study/README.md) says how.

All else is the same for all: a small ViT, the squared error and the quantizer's own loss with its default weights
([all numbers](../examples/codebook-study/src/config.ts)), and for each seed the same first weights and the same batches. Dead
are codes that none of the ${(TEST_IMAGES * 64).toLocaleString('en')} tokens of the held-out images has; usage is the fraction of the others, as the paper's
Table 4 has it of 256 images. What follows ± is half the width of the 95 % confidence interval of the mean over seeds, by
Student's distribution.

Trainings so short and small say which way things go, not how good a quantizer can be: one that needs long to spread its codes
is seen before it has done so.

## The quantizers

${markdownTable(kindTable())}

## What follows

${findings(study)
  .map((text) => `- ${text}`)
  .join('\n')}

The advice of \`codebookReport\` (in reports of runs, and in \`vitvq inspect\`) goes by this.

## After the trainings

${markdownTable(endTable(study))}

## What the treatments change

Differences of trainings from the same seed; bold where the interval leaves out 0. Of so many intervals of 95 % a few do so by
chance.

${markdownTable(differenceTable(study))}

## Over the trainings

Lines are means over seeds, bands their 95 % confidence intervals, as far as such values are possible.

${charts.join('\n\n')}

CIFAR-10: A. Krizhevsky, _Learning Multiple Layers of Features from Tiny Images_, 2009.
`;
}
