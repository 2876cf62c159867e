import { join } from 'node:path';
import { formatPercent, toRgbImages } from '@vitvq/core';
import {
  lineReportChart,
  type ReportBlock,
  type ReportChart,
  type ReportContent,
  type ReportSection,
} from '@vitvq/report';
import { readSamples } from '../stages/samples-stage.js';
import type { ClimbedRung } from './climb-ladder.js';
import type { CurveVerdict } from './compare-curves.js';
import type { LadderRecord, RungRecord } from './ladder-record.js';
import { rungs } from './rungs.js';

/** Generated images of a rung in the report. */
const shownSamples = 20;

/** Returns the report of a climb whose runs lie in a folder. */
export async function ladderReport(
  out: string,
  climbed: readonly ClimbedRung[],
  { set, wanted }: { readonly set: readonly string[]; readonly wanted: LadderRecord },
): Promise<ReportContent> {
  return {
    title: 'The reproduction ladder',
    lead:
      'One image, a hundred, then CIFAR-10: at which of them does an installation or an idea break? ' +
      `${set.length > 0 ? `Tried: ${set.join(', ')}.` : 'Nothing was changed.'}.`,
    sections: [
      { title: 'Rungs', blocks: [tableOf(climbed)] },
      ...(await Promise.all(climbed.map((rung) => sectionOf(out, rung, wanted)))),
    ],
  };
}

function tableOf(climbed: readonly ClimbedRung[]): ReportBlock {
  return {
    kind: 'table',
    columns: ['rung', 'PSNR, dB', 'expected', 'nats a token', 'expected', 'codes in use', 'minutes', ''],
    rows: climbed.map(({ name, record, verdict: { psnr, natsPerToken, isReached } }) => [
      rungs[name].title,
      ...pairOf(psnr, 2),
      ...pairOf(natsPerToken, 3),
      formatPercent(record.codebookUsage),
      record.minutes.toFixed(1),
      isReached ? 'reached' : 'failed',
    ]),
  };
}

function pairOf({ measured, expected }: CurveVerdict, digits: number): [string, string] {
  return [measured.toFixed(digits), expected === undefined ? 'not known' : expected.toFixed(digits)];
}

async function sectionOf(
  out: string,
  { name, record, verdict }: ClimbedRung,
  { rungs: wanted }: LadderRecord,
): Promise<ReportSection> {
  const { title, meaning } = rungs[name];
  const images = toRgbImages(await readSamples({ folder: { of: (stage) => join(out, name, stage) } }));
  const chart = (figure: 'psnr' | 'natsPerToken', label: string, yLabel: string): ReportChart =>
    lineReportChart(`${name}-${figure === 'psnr' ? 'psnr' : 'nats'}.png`, {
      title: label,
      xLabel: 'step',
      yLabel,
      series: [
        { name: 'measured', points: record[figure] },
        ...(wanted[name] ? [{ name: 'expected', points: wanted[name][figure] }] : []),
      ],
    });
  return {
    title,
    blocks: [
      { kind: 'text', text: verdict.isReached ? 'Reached.' : `Failed. ${behindOf(verdict, record)} ${meaning}` },
      {
        kind: 'charts',
        charts: [
          chart('psnr', 'PSNR of reconstructions', 'decibels'),
          chart('natsPerToken', 'Loss of the transformer', 'nats a token'),
        ],
      },
      {
        kind: 'gallery',
        labels: ['generated'],
        items: images.slice(0, shownSamples).map((image) => ({ images: [image] })),
        caption: 'Drawn by the transformer and decoded by the tokenizer; none is chosen.',
        file: `${name}-samples.png`,
        columns: 10,
      },
    ],
  };
}

/** Says which curve is behind, and since when. */
function behindOf({ psnr, natsPerToken }: ClimbedRung['verdict'], record: RungRecord): string {
  const texts = [
    ...(psnr.isReached ? [] : [`The tokenizer is behind from step ${psnr.behindSince} on.`]),
    ...(natsPerToken.isReached ? [] : [`The transformer is behind from step ${natsPerToken.behindSince} on.`]),
  ];
  return `${texts.join(' ')} ${formatPercent(record.codebookUsage)} of the codes are in use.`;
}
