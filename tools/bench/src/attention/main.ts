/**
 * Measures every kind of attention: time and peak memory of one block for growing grids of tokens,
 * and what the quickstart's tokenizer reaches with it after the same number of steps. Prints
 * Markdown, and writes the figures and charts.
 *
 *   npm run measure-attention
 *   npm run measure-attention -- --part blocks --threads 2
 *   npm run measure-attention -- --part training --steps 500 --patch-size 2
 */
import '@tensorflow/tfjs';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { commonOptions, outOption, readOptions, runProgram, startEngine } from '@vitvq/example-shared';
import { lineChart, svgToPng } from '@vitvq/report';
import { attentionOf, kindNames } from './kinds.js';
import { blockCharts, formatBlocks, formatTraining, type BlockResult, type TrainingResult } from './results.js';
import { runBlock, type Limits } from './run-block.js';
import { trainKinds } from './train-kinds.js';

const sides = [16, 32, 64, 128];

async function measureBlocks(
  kinds: readonly string[],
  of: readonly number[],
  threads: number | undefined,
  limits: Limits,
): Promise<BlockResult[]> {
  const results: BlockResult[] = [];
  for (const kind of kinds) {
    for (const side of of) {
      const result = await runBlock(kind, side, threads, limits);
      process.stderr.write(`${kind}, ${side}x${side} tokens: ${JSON.stringify(result)}\n`);
      results.push({ kind, side, result });
    }
  }
  return results;
}

async function writeCharts(results: readonly BlockResult[], out: string): Promise<void> {
  for (const [name, chart] of Object.entries(blockCharts(results))) {
    const svg = await lineChart(chart);
    await writeFile(join(out, `${name}.svg`), svg);
    await writeFile(join(out, `${name}.png`), await svgToPng(svg));
  }
}

await runProgram('measure-attention', async () => {
  const { seed, threads, smoke } = commonOptions;
  const options = readOptions({
    name: 'measure-attention',
    description: 'Measures time, memory and reconstruction of every kind of attention.',
    options: {
      part: { kind: 'choice', choices: ['all', 'blocks', 'training'], default: 'all', help: 'what is measured' },
      kind: { kind: 'texts', value: 'kind', help: `one of ${kindNames.join(', ')} (default: all)` },
      seconds: { kind: 'number', minimum: 0, default: 300, help: 'after which a block is out of reach' },
      gigabytes: { kind: 'number', minimum: 0, default: 12, help: 'of memory beyond which a block is out of reach' },
      steps: { kind: 'integer', minimum: 1, default: 300, help: 'of each training' },
      patchSize: { kind: 'integer', minimum: 1, default: 4, help: 'pixels of a patch in training: 4 is 8x8 tokens' },
      out: outOption('runs/attention'),
      seed,
      threads,
      smoke,
    },
    check: ({ kind }) =>
      kind.flatMap((name) =>
        name in attentionOf(16) ? [] : [`--kind is one of ${kindNames.join(', ')}, not ${name}`],
      ),
  });
  const kinds = kindNames.filter((name) => options.kind.length === 0 || options.kind.includes(name));
  await mkdir(options.out, { recursive: true });
  const facts = { cpu: os.cpus()[0]?.model, cores: os.availableParallelism(), threads: options.threads };
  const write = (name: string, results: object): Promise<void> =>
    writeFile(join(options.out, name), `${JSON.stringify({ ...facts, ...results }, undefined, 2)}\n`);
  if (options.part !== 'training') {
    const blocks = await measureBlocks(kinds, options.smoke ? [4] : sides, options.threads, options);
    console.log(`${formatBlocks(blocks)}\n`);
    await write('blocks.json', { blocks });
    await writeCharts(blocks, options.out);
  }
  if (options.part !== 'blocks') {
    await startEngine({ engine: 'auto', threads: options.threads });
    const training: TrainingResult[] = [];
    const steps = options.smoke ? 2 : options.steps;
    for await (const result of trainKinds({ ...options, kinds, steps })) {
      process.stderr.write(`${result.kind}: ${result.psnr.toFixed(2)} dB\n`);
      training.push(result);
    }
    console.log(formatTraining(training));
    await write('training.json', { steps, training });
  }
  console.log(`\n${facts.cpu ?? 'CPU'}, ${facts.cores} cores. Figures and charts: ${options.out}`);
});
