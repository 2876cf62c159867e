/**
 * Alternates our packages, through their public API, with plain PyTorch in one run, and prints ratios of medians.
 *
 *   npm run bench                                          all workloads and presets, a table
 *   npm run bench -- --workload stage1_step --preset quick --json
 */
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { engineNames } from '@vitvq/engine';
import { Command, InvalidArgumentError, Option } from 'commander';
import { LineProcess } from './line-process.js';
import { findPython, isReferenceBlas, peerScript, startPeer } from './peer.js';
import type { Measurement } from './protocol.js';
import { formatTable, summarize, type Result } from './results.js';
import { presets, workloads } from './workloads.js';

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number of at least 1');
  return value;
}

const program = new Command('bench')
  .description('Compare vitvq with plain PyTorch, alternating both in one run.')
  .addOption(new Option('--workload <name>', 'only this workload').choices(Object.keys(workloads)))
  .addOption(new Option('--preset <name>', 'only this preset').choices(Object.keys(presets)))
  .option('--rounds <n>', 'measured runs of each side', positiveInteger, 7)
  .option(
    '--threads <n>',
    'threads of both sides (default: the better of 1 and all cores, for each side by itself)',
    positiveInteger,
  )
  .addOption(new Option('--engine <name>', 'our engine').choices(engineNames).default('onnx'))
  .option('--peer <file>', 'the PyTorch script', '../shared/bench/peer_pytorch.py')
  .option('--json', 'print one JSON object a line')
  .parse();
const options = program.opts<{
  workload?: string;
  preset?: string;
  rounds: number;
  threads?: number;
  engine: string;
  peer: string;
  json?: boolean;
}>();

const python = findPython();
const script = peerScript(options.peer);
if (isReferenceBlas(python)) {
  process.stderr.write(
    'bench: this PyTorch multiplies with the reference BLAS, which is an unfair peer. apt-get install libopenblas0-pthread\n',
  );
}

const startOurs = async (threads: number): Promise<LineProcess> => {
  const ours = new LineProcess(process.execPath, [
    fileURLToPath(new URL('../dist/ours.js', import.meta.url)),
    options.engine,
    String(threads),
  ]);
  await ours.read(); // ready
  return ours;
};

/** The process with the thread count that is fastest for it; the others are stopped. */
async function startBest(
  start: (threads: number) => Promise<LineProcess>,
  request: { workload: string; preset: string },
): Promise<LineProcess> {
  if (options.threads !== undefined) return start(options.threads);
  const counts = [...new Set([1, os.availableParallelism()])];
  const tried: { process: LineProcess; fastest: number }[] = [];
  for (const threads of counts) {
    const candidate = await start(threads);
    const { ms } = await candidate.ask<Measurement>({ ...request, repeats: 2 });
    tried.push({ process: candidate, fastest: Math.min(...ms) });
  }
  tried.sort((a, b) => a.fastest - b.fastest);
  for (const { process: slower } of tried.slice(1)) slower.stop();
  return tried[0]!.process;
}

async function measure(workload: string, preset: string): Promise<Result> {
  const request = { workload, preset };
  const ours = await startBest(startOurs, request);
  const peer = await startBest((threads) => startPeer(python, script, threads), request);
  try {
    const runs: { ours: Measurement[]; peer: Measurement[] } = { ours: [], peer: [] };
    for (let round = 0; round < options.rounds; round++) {
      runs.ours.push(await ours.ask<Measurement>({ ...request, repeats: 1 }));
      runs.peer.push(await peer.ask<Measurement>({ ...request, repeats: 1 }));
    }
    return summarize(workload, preset, options.engine, runs.ours, runs.peer);
  } finally {
    ours.stop();
    peer.stop();
  }
}

const results: Result[] = [];
for (const workload of Object.keys(workloads).filter(
  (name) => options.workload === undefined || name === options.workload,
)) {
  for (const preset of Object.keys(presets).filter((name) => options.preset === undefined || name === options.preset)) {
    const result = await measure(workload, preset);
    results.push(result);
    if (options.json) console.log(JSON.stringify(result));
    else process.stderr.write(`${workload} ${preset}: ${result.ratio.toFixed(2)}\n`);
  }
}
if (!options.json) console.log(formatTable(results));
