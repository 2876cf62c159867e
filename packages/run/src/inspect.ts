import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { latestCheckpoint, openCheckpoint, openModel, openWeights, type TensorEntry } from '@vitvq/checkpoint';
import { openCodes } from '@vitvq/codes';
import { countOf, DataError, elementCount, formatPercent, printable, readCodes } from '@vitvq/core';
import { codebookReport } from '@vitvq/quantizers';
import { loadTokenizer } from '@vitvq/tokenizer/node';
import { classifierStage, stageNames } from './run-context.js';
import { metricsFile, readMetrics, runConfigFile } from './run-files.js';

/** What lies at a path, and its health. */
export interface Inspection {
  readonly path: string;
  readonly kind: 'run' | 'model' | 'codes' | 'checkpoints' | 'tensors';
  /** Facts for people: what each is called, and what it is. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Tensors of a model or a file, in their order. */
  readonly tensors?: readonly TensorEntry[];
  /** What stands out, in sentences. */
  readonly advice: readonly string[];
}

/**
 * Looks at what lies at a path: the folder of a run, of a model, of shards of codes or of
 * checkpoints; a file of safetensors or of PyTorch. Nothing that lies there is run.
 * @throws {DataError} for anything else, and for what is damaged
 */
export async function inspect(path: string): Promise<Inspection> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return inspectFile(path);
  const names = found?.isDirectory() ? await readdir(path) : [];
  if (names.includes(runConfigFile)) return inspectRun(path, names);
  if (names.includes('config.json')) return inspectModel(path);
  if (names.some((name) => /^codes-.*\.safetensors$/.test(name))) return inspectCodes(path);
  if (found && (await latestCheckpoint(path)) !== undefined) return inspectCheckpoints(path);
  throw new DataError({
    where: path,
    expected: 'a run, a model folder, a folder of codes or checkpoints, or a .safetensors, .ckpt, .pt or .pth file',
    got: found
      ? `a folder with ${names.length === 0 ? 'nothing in it' : printable(names.slice(0, 5).join(', '))}`
      : 'nothing',
  });
}

const integer = (value: number): string => value.toLocaleString('en-US');

function tensorFacts(entries: readonly TensorEntry[]): [string, string][] {
  const types = [...new Set(entries.map(({ dtype }) => dtype))];
  const elements = entries.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return [
    ['Tensors', integer(entries.length)],
    ['Elements', `${integer(elements)} of ${types.join(', ')}`],
  ];
}

async function inspectFile(path: string): Promise<Inspection> {
  const opened = await openWeights(path);
  try {
    const isPyTorch = 'values' in opened;
    const unread = 'unread' in opened ? [...opened.unread] : [];
    const values = isPyTorch
      ? [...opened.values].map(([name, value]): [string, string] => [name, printable(String(value))])
      : [];
    const prefix: [string, string][] =
      isPyTorch && opened.prefix ? [['Names begin with', printable(opened.prefix)]] : [];
    const format = isPyTorch ? `PyTorch, ${opened.format}` : 'unread' in opened ? 'Flax' : 'safetensors';
    return {
      path,
      kind: 'tensors',
      facts: [['Format', format], ...prefix, ...tensorFacts(opened.entries), ...values],
      tensors: opened.entries,
      advice: unread.map(([name, reason]) => printable(`Not read: ${name}, ${reason}`)),
    };
  } finally {
    await opened.close();
  }
}

async function inspectModel(path: string): Promise<Inspection> {
  const model = await openModel(path);
  const facts: [string, string][] = [['Type', printable(model.type)]];
  try {
    facts.push(...tensorFacts(model.entries));
    for (const [name, value] of Object.entries(model.metadata)) facts.push([name, printable(value)]);
    const advice = model.type === 'vq-tokenizer' ? await inspectCodebook(path, facts) : [];
    return { path, kind: 'model', facts, tensors: model.entries, advice };
  } finally {
    await model.close();
  }
}

/** Adds the facts of a tokenizer's codebook, and returns what stands out in it. */
async function inspectCodebook(path: string, facts: [string, string][]): Promise<string[]> {
  const tokenizer = await loadTokenizer(path);
  try {
    const { grid, quantizer } = tokenizer;
    if (tokenizer.isContinuous) {
      facts.push(['Latents', `${grid.join(' x ')} of ${quantizer.codeDim} dimensions, which are no codes`]);
      return [];
    }
    const { vocabSize, codeDepth } = tokenizer;
    const depth = codeDepth === 1 ? '' : `, ${codeDepth} levels`;
    facts.push(['Tokens', `${grid.join(' x ')} of ${integer(vocabSize)} codes${depth}`]);
    const advice: string[] = [];
    for (const [level, table] of (quantizer.codebook?.tables ?? []).entries()) {
      const codebook = await readCodes(table);
      const [size, dim] = codebook.shape as [number, number];
      const part = dim < quantizer.codeDim ? 'group' : 'level';
      const name = (quantizer.codebook?.tables.length ?? 1) > 1 ? `Codebook of ${part} ${level + 1}` : 'Codebook';
      facts.push([name, `${integer(size)} codes of ${dim} dimensions`]);
      // How often codes are used is known of images alone: every code counts the same here.
      const counts = new Float64Array(size).fill(4);
      const { advice: found } = codebookReport(
        { counts, paperUsage: undefined },
        { codebook, normalize: table.normalized },
      );
      advice.push(...found.filter(({ finding }) => finding === 'duplicates').map(({ text }) => `${name}: ${text}`));
    }
    return advice;
  } finally {
    tokenizer.dispose();
  }
}

async function inspectCodes(path: string): Promise<Inspection> {
  const codes = await openCodes(path);
  try {
    const { vocabSize, grid, codeDepth, views, length } = codes;
    const counts = Array.from({ length: codeDepth }, () => new Float64Array(vocabSize));
    for await (const batch of codes.batches({ batchSize: 64, lastBatch: 'pad', epochs: 1 })) {
      const { tokens } = batch;
      const values = countOf(batch) * grid[0] * grid[1] * codeDepth;
      for (let index = 0; index < values; index++) counts[index % codeDepth]![tokens[index]!]! += 1;
    }
    const facts: [string, string][] = [
      ['Images', `${integer(length)} in ${views === 1 ? 'one view' : `${views} views`}`],
      ['Tokens', `${grid.join(' x ')} of ${integer(vocabSize)} codes${codeDepth === 1 ? '' : `, ${codeDepth} levels`}`],
      ['Labels', codes.labels === undefined ? 'none' : `${new Set(codes.labels).size} different ones`],
      ['Fingerprint', codes.fingerprint],
    ];
    const advice: string[] = [];
    for (const [level, used] of counts.entries()) {
      const name = codeDepth === 1 ? 'Codebook' : `Level ${level + 1}`;
      const report = codebookReport({ counts: used, paperUsage: undefined });
      facts.push([
        `${name} in use`,
        `${formatPercent(report.usage)}, perplexity ${report.perplexity.toFixed(1)}, ${integer(report.deadCodes.length)} dead codes`,
      ]);
      advice.push(...report.advice.map(({ text }) => (codeDepth === 1 ? text : `${name}: ${text}`)));
    }
    return { path, kind: 'codes', facts, advice };
  } finally {
    await codes.close();
  }
}

async function inspectCheckpoints(path: string): Promise<Inspection> {
  const newest = (await latestCheckpoint(path))!;
  const opened = await openCheckpoint(newest);
  try {
    return {
      path,
      kind: 'checkpoints',
      facts: [['Newest', basename(opened.file)], ['Steps done', integer(opened.step)], ...tensorFacts(opened.entries)],
      tensors: opened.entries,
      advice: [],
    };
  } finally {
    await opened.close();
  }
}

async function inspectRun(path: string, names: readonly string[]): Promise<Inspection> {
  const done = names.includes(metricsFile);
  const facts: [string, string][] = [['State', done ? 'done' : 'not done: the same command goes on']];
  const advice: string[] = [];
  for (const stage of [...stageNames, classifierStage]) {
    if (names.includes(`${stage}.json`)) facts.push([`Stage ${stage}`, 'done']);
    else if (names.includes(stage)) facts.push([`Stage ${stage}`, await progressOf(join(path, stage))]);
  }
  if (done) {
    for (const [name, value] of Object.entries(await readMetrics(path))) {
      if (typeof value === 'number') facts.push([name, String(value)]);
    }
  }
  for (const stage of ['tokenizer', 'transformer', classifierStage]) {
    if (!names.includes(`${stage}.json`)) continue;
    const model = await inspectModel(join(path, stage, 'model'));
    facts.push(...model.facts.map(([name, value]): [string, string] => [`${stage}: ${name}`, value]));
    advice.push(...model.advice);
  }
  return { path, kind: 'run', facts, advice };
}

async function progressOf(folder: string): Promise<string> {
  const newest = await latestCheckpoint(folder);
  if (newest === undefined) return 'begun';
  const opened = await openCheckpoint(newest);
  const { step } = opened;
  await opened.close();
  return `begun, ${integer(step)} steps are saved`;
}
