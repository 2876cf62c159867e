import { existsSync } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { listCheckpoints } from '@vitvq/checkpoint';
import { DataError, formatPercent } from '@vitvq/core';
import { holderOf } from '@vitvq/files';
import {
  canDraw,
  lineReportChart,
  readPng,
  tokenizerCharts,
  type LineChartOptions,
  type ReportBlock,
  type ReportContent,
  type ReportSection,
  type SummaryCard,
} from '@vitvq/report';
import { logCurve, PREVIEW_FOLDER, TrainingLogFollower, type FollowedLog } from '@vitvq/training';
import { readRunConfig } from '../config/read-run-config.js';
import type { ResolvedRunConfig } from '../config/run-config.js';
import { isAsked, stageNames, type StageName } from '../run-context.js';
import { runConfigFile } from '../run-files.js';
import { alertsOf } from './alerts.js';

/** Stages that train, whose folders have logs. */
const trainings = ['tokenizer', 'transformer', 'classifier'] as const;

/** Name of a folder that a trainer writes to without a run around it. */
const alone = '.';

/**
 * Follows a run in progress: reads its folder and nothing else, so that the trainer need not know.
 * Works for the folder of a run, and for one that a trainer of @vitvq/stage1-trainer or
 * @vitvq/stage2-trainer writes to by itself.
 */
export class RunWatcher {
  readonly path: string;
  readonly #followers = new Map<string, TrainingLogFollower>();

  constructor(path: string) {
    this.path = path;
  }

  /** Returns a page about the present state. @throws {DataError} for a folder that is none */
  async report(now = Date.now()): Promise<ReportContent> {
    const isFolder = await stat(this.path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) {
      const fix = 'vitvq train --out makes one; it can be watched as soon as it is there.';
      throw new DataError({ where: this.path, expected: 'the folder of a run', got: 'no folder', fix });
    }
    const isRun = existsSync(join(this.path, runConfigFile));
    const config = isRun ? await configOf(this.path) : undefined;
    const holder = await holderOf(this.path);
    const watched = isRun ? trainings : ([alone] as const);
    const sections: ReportSection[] = [];
    const summary: SummaryCard[] = [];
    const alerts: string[] = [];
    for (const name of watched) {
      const log = await this.#follow(name);
      if (log.entries.length === 0) continue;
      const folder = join(this.path, name);
      const isDone = name !== alone && existsSync(join(this.path, `${name}.json`));
      const found = alertsOf({
        log,
        isRunning: holder !== undefined,
        isDone,
        now,
        freeBytes: await freeBytesOf(this.path),
        checkpointBytes: await newestCheckpoint(folder),
      });
      alerts.push(...found);
      if (!isDone || summary.length === 0) summary.splice(0, summary.length, ...cardsOf(log));
      sections.push({ title: titleOf(name), blocks: [...(await previewsOf(folder)), ...chartsOf(log)] });
    }
    const state =
      holder === undefined
        ? 'no process works on it'
        : `process ${holder.pid} on ${holder.host} has worked on it since ${holder.since}`;
    return {
      title: config?.title ?? 'A training',
      lead: `${this.path}: ${state}. As of ${new Date(now).toISOString()}.`,
      summary,
      sections: [
        ...(alerts.length > 0
          ? [{ title: 'Alerts', blocks: [{ kind: 'table', rows: alerts.map((alert) => ['!', alert]) } as const] }]
          : []),
        ...(config ? [stagesSection(this.path, config)] : []),
        ...sections,
      ],
    };
  }

  #follow(name: string): Promise<FollowedLog> {
    const follower = this.#followers.get(name) ?? new TrainingLogFollower(join(this.path, name));
    this.#followers.set(name, follower);
    return follower.read();
  }
}

function titleOf(name: string): string {
  return { tokenizer: 'Tokenizer', transformer: 'Transformer', classifier: 'Classifier' }[name] ?? 'Training';
}

/** Returns the config of a run; one of another version does not keep anybody from watching. */
function configOf(path: string): Promise<ResolvedRunConfig | undefined> {
  return readRunConfig(join(path, runConfigFile)).catch(() => undefined);
}

function stagesSection(path: string, config: ResolvedRunConfig): ReportSection {
  const stateOf = (stage: StageName): string => {
    if (existsSync(join(path, `${stage}.json`))) return 'done';
    return existsSync(join(path, stage)) ? 'begun' : 'to come';
  };
  return {
    title: 'Stages',
    blocks: [
      {
        kind: 'table',
        rows: stageNames.filter((stage) => isAsked(stage, config)).map((stage) => [stage, stateOf(stage)]),
      },
    ],
  };
}

function cardsOf({ newest }: FollowedLog): SummaryCard[] {
  const [step, evaluation] = [newest.get('step'), newest.get('evaluate')];
  const cards: SummaryCard[] = [];
  const add = (label: string, value: unknown, show: (value: number) => Omit<SummaryCard, 'label'>): void => {
    if (typeof value === 'number' && Number.isFinite(value)) cards.push({ label, ...show(value) });
  };
  add('Progress', step?.['progress'], (value) => ({ value: formatPercent(value), note: `step ${step!.step}` }));
  add('Left', step?.['remainingSeconds'], (value) => ({ value: durationOf(value) }));
  add('Loss', step?.['loss'], (value) => ({ value: value.toPrecision(3) }));
  add('PSNR', evaluation?.['psnr'], (value) => ({ value: value.toFixed(2), unit: 'dB', note: 'held-out images' }));
  add('Loss per token', evaluation?.['natsPerToken'], (value) => ({ value: value.toFixed(3), unit: 'nats' }));
  add('Codebook usage', evaluation?.['usage'], (value) => ({ value: formatPercent(value) }));
  add('Perplexity', evaluation?.['perplexity'], (value) => ({ value: value.toFixed(0), unit: 'codes' }));
  add('Images a second', step?.['examplesPerSecond'], (value) => ({ value: value.toFixed(0) }));
  add('Memory', step?.['memoryBytes'], (value) => ({ value: (value / 1e9).toFixed(2), unit: 'GB' }));
  return cards;
}

/** Returns a time for people: `3 d 4 h`, `4 h 5 min`, `5 min`, `40 s`. */
function durationOf(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function chartsOf({ entries }: FollowedLog): ReportBlock[] {
  const line = (title: string, yLabel: string, event: string, name: string, scale = 1): LineChartOptions => ({
    title,
    yLabel,
    xLabel: 'step',
    series: [{ name, points: logCurve(entries, event, name).map(([x, y]) => [x, y * scale] as const) }],
  });
  const charts = [
    line('Loss', 'loss', 'step', 'loss'),
    ...tokenizerCharts(entries),
    line('Loss per token on held-out images', 'nats', 'evaluate', 'natsPerToken'),
    line('Codebook usage', 'share of the codes', 'evaluate', 'usage'),
    line('Perplexity', 'codes', 'evaluate', 'perplexity'),
    line('Norm of the gradients', 'norm', 'step', 'gradientNorm'),
    line('Images a second', 'images', 'step', 'examplesPerSecond'),
    line('Memory of the process', 'GB', 'step', 'memoryBytes', 1e-9),
  ].filter(canDraw);
  const drawn = charts.map((chart, index) => lineReportChart(`watch-${index + 1}.png`, chart));
  return drawn.length === 0 ? [] : [{ kind: 'charts', charts: drawn }];
}

/** Returns the pictures of the last preview of a training. */
async function previewsOf(folder: string): Promise<ReportBlock[]> {
  const directory = join(folder, PREVIEW_FOLDER);
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.png')).sort();
  const blocks: ReportBlock[] = [];
  for (const name of names) {
    // One that is replaced just now is shown the next time.
    const image = await readPng(join(directory, name)).catch(() => undefined);
    const title = name.slice(0, -'.png'.length);
    if (image) blocks.push({ kind: 'image', image, alt: `the last preview, ${title}`, caption: title });
  }
  return blocks;
}

async function freeBytesOf(path: string): Promise<number | undefined> {
  return statfs(path).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );
}

async function newestCheckpoint(folder: string): Promise<number> {
  const newest = (await listCheckpoints(folder)).at(-1);
  if (newest === undefined) return 0;
  // One that is removed just now has no size.
  return stat(newest.file).then(
    ({ size }) => size,
    () => 0,
  );
}
