/**
 * Measures training steps on 1, 2 and 4 devices of the engine `pjrt`: the same batch on all of them
 * together. Prints a Markdown table, and writes figures and charts with the ideal beside them. On
 * a CPU one device uses all cores, so that the ideal of several is what one of them takes.
 *
 *   npm run measure-scaling
 */
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outOption, readOptions, runProgram } from '@vitvq/example-shared';
import { lineChart, svgToPng } from '@vitvq/report';
import { LineProcess } from '../line-process.js';
import type { Measurement } from '../protocol.js';
import { median } from '../results.js';
import { presets } from '../workloads.js';
import { formatScaling, scalingCharts, type ScalingResult } from './results.js';

const workloads = ['stage1_step', 'gpt_step'] as const;
const placements = ['replicated', 'sharded'] as const;

const script = fileURLToPath(new URL('../ours.ts', import.meta.url));
const cwd = fileURLToPath(new URL('../../../..', import.meta.url));

/** Starts our side of the benchmark on some devices. */
async function start(devices: number, weights: string): Promise<LineProcess> {
  const mesh = JSON.stringify({ data: devices, weights });
  const node = ['--import', 'tsx', '--conditions=@vitvq/source', script];
  const ours = new LineProcess(process.execPath, [...node, 'pjrt', String(os.availableParallelism()), 'float32', mesh]);
  await ours.read(); // ready
  return ours;
}

async function measure(
  devices: number,
  weights: (typeof placements)[number],
  { preset, rounds }: { readonly preset: string; readonly rounds: number },
): Promise<ScalingResult[]> {
  const results: ScalingResult[] = [];
  for (const workload of workloads) {
    const ours = await start(devices, weights);
    try {
      await ours.ask<Measurement>({ workload, preset, repeats: 1 }); // compiles
      const {
        ms,
        per_run: amount,
        unit,
        device,
        rss_mb: megabytes,
      } = await ours.ask<Measurement>({
        workload,
        preset,
        repeats: rounds,
      });
      results.push({ workload, devices, weights, milliseconds: median(ms), amount, unit, device, megabytes });
      process.stderr.write(`${JSON.stringify(results.at(-1))}\n`);
    } finally {
      ours.stop();
    }
  }
  return results;
}

process.chdir(cwd);
await runProgram('measure-scaling', async () => {
  const { out, preset, rounds, devices } = readOptions({
    name: 'measure-scaling',
    description: 'Measures training steps on several devices of the engine pjrt.',
    options: {
      out: outOption('runs/scaling'),
      preset: { kind: 'choice', choices: Object.keys(presets), default: 'quick', help: 'sizes of the models' },
      rounds: { kind: 'integer', minimum: 1, default: 7, help: 'measured steps of each' },
      devices: { kind: 'texts', value: 'n', help: 'numbers of devices (default: 1, 2 and 4)' },
    },
    check: (values) =>
      values.devices.flatMap((count) => (Number(count) >= 1 ? [] : [`--devices is a number from 1, not ${count}`])),
  });
  const counts = devices.length > 0 ? devices.map(Number) : [1, 2, 4];
  const results: ScalingResult[] = [];
  for (const count of counts) {
    for (const weights of count === 1 ? placements.slice(0, 1) : placements) {
      results.push(...(await measure(count, weights, { preset, rounds })));
    }
  }
  await mkdir(out, { recursive: true });
  const cores = os.availableParallelism();
  const facts = { cpu: os.cpus()[0]?.model, cores, preset, results };
  await writeFile(join(out, 'scaling.json'), `${JSON.stringify(facts, undefined, 2)}\n`);
  const charts = scalingCharts(
    results,
    results.every(({ device }) => device === 'cpu'),
  );
  for (const [workload, chart] of Object.entries(charts)) {
    const svg = await lineChart(chart);
    await writeFile(join(out, `scaling-${workload}.svg`), svg);
    await writeFile(join(out, `scaling-${workload}.png`), await svgToPng(svg));
  }
  console.log(`${formatScaling(results)}\n\n${facts.cpu ?? 'CPU'}, ${cores} cores. Figures and charts: ${out}`);
});
