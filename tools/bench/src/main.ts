/**
 * Alternates our packages, through their public API, with plain PyTorch in one run, and prints
 * ratios of medians.
 *
 *   npm run bench
 *       all workloads and presets, a table
 *   npm run bench -- --workload stage1_step --preset quick --json
 *   npm run bench -- --workload memory_training
 *       resident memory over 20,000 training steps with a discriminator
 *   npm run bench -- --workload memory_sampling
 *       the same over 8,000 sampled batches
 *   npm run bench -- --workload gpt_sample_batches
 *       tokens per second by batch size
 *   npm run bench -- --workload import_350mb
 *       time and memory of importing a PyTorch checkpoint
 */
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runProgram } from '@vitvq/example-shared';
import { measureBandwidth } from './bandwidth.js';
import { formatBatches, type BatchSample } from './batches.js';
import { formatImport, loadWithPyTorch, withCheckpoint, type ImportSample } from './import-checkpoint.js';
import { LineProcess } from './line-process.js';
import { formatMemory, type MemorySample } from './memory.js';
import { parseBenchOptions, type BenchOptions } from './options.js';
import { describePeer, findPython, peerScript, startPeer } from './peer.js';
import type { Measurement } from './protocol.js';
import { formatTable, summarize, type Result } from './results.js';
import { soloWorkloads, workloads, type SoloWorkload } from './workloads.js';

const startOurs = async (engine: string, threads: number): Promise<LineProcess> => {
  const script = fileURLToPath(new URL('../dist/ours.js', import.meta.url));
  const ours = new LineProcess(process.execPath, [script, engine, String(threads)]);
  await ours.read(); // ready
  return ours;
};

/**
 * Rest before each measurement: threads that wait for work spin for a while after a run, at the
 * expense of the other side.
 */
const pauseMilliseconds = 300;

/** How long about each number of threads is tried. */
const trialMilliseconds = 2000;

/** A process that may be measured, and how fast its fastest run was. */
interface Tried {
  readonly process: LineProcess;
  readonly fastest: number;
}

async function tryOut(process: LineProcess, request: { workload: string; preset: string }): Promise<Tried> {
  // The first run compiles, and those after it warm up.
  const first = await process.ask<Measurement>({ ...request, repeats: 1 });
  const repeats = Math.min(10, Math.max(2, Math.round(trialMilliseconds / first.ms[0]!)));
  const { ms } = await process.ask<Measurement>({ ...request, repeats });
  return { process, fastest: Math.min(...ms) };
}

/** Returns the fastest of some processes, which are tried one after the other; ends the others. */
async function fastestOf(
  starts: readonly (() => Promise<LineProcess>)[],
  request: { workload: string; preset: string },
): Promise<{ readonly process: LineProcess; readonly index: number }> {
  if (starts.length === 1) return { process: await starts[0]!(), index: 0 };
  const tried: Tried[] = [];
  for (const start of starts) tried.push(await tryOut(await start(), request));
  const index = tried.reduce((best, { fastest }, at) => (fastest < tried[best]!.fastest ? at : best), 0);
  tried.forEach(({ process: each }, at) => at !== index && each.stop());
  return { process: tried[index]!.process, index };
}

const threadCounts = (threads: number | undefined): readonly number[] =>
  threads === undefined ? [...new Set([1, os.availableParallelism()])] : [threads];

/** The peer at its best: its thread count first, then plain or compiled by `torch.compile`. */
async function startBestPeer(
  start: (threads: number, compiled: boolean) => Promise<LineProcess>,
  request: { workload: string; preset: string },
  { threads, canCompile }: { readonly threads: number | undefined; readonly canCompile: boolean },
): Promise<LineProcess> {
  const counts = threadCounts(threads);
  const plain = await fastestOf(
    counts.map((count) => () => start(count, false)),
    request,
  );
  if (!canCompile) return plain.process;
  const best = await fastestOf([async () => plain.process, () => start(counts[plain.index]!, true)], request);
  return best.process;
}

async function measure(
  { engine, threads, rounds, peer: defaultScript }: BenchOptions,
  workload: string,
  preset: string,
): Promise<Result> {
  const { peerWorkload, peerScript: ownScript, peerCompiles = false } = workloads[workload]!;
  const python = findPython();
  const script =
    ownScript === undefined
      ? peerScript(defaultScript)
      : fileURLToPath(new URL(`../peer/${ownScript}`, import.meta.url));
  const [ourRequest, peerRequest] = [
    { workload, preset },
    { workload: peerWorkload, preset },
  ];
  const { process: ours } = await fastestOf(
    threadCounts(threads).map((count) => () => startOurs(engine, count)),
    ourRequest,
  );
  const start = (count: number, compiled: boolean): Promise<LineProcess> => startPeer(python, script, count, compiled);
  const peer = await startBestPeer(start, peerRequest, { threads, canCompile: peerCompiles });
  try {
    const runs: { ours: Measurement[]; peer: Measurement[] } = { ours: [], peer: [] };
    for (let round = 0; round < rounds; round++) {
      await setTimeout(pauseMilliseconds);
      runs.ours.push(await ours.ask<Measurement>({ ...ourRequest, repeats: 1 }));
      await setTimeout(pauseMilliseconds);
      runs.peer.push(await peer.ask<Measurement>({ ...peerRequest, repeats: 1 }));
    }
    const { bytes, threads: used } = runs.ours[0]!;
    const bandwidth = bytes === undefined ? undefined : await measureBandwidth(used);
    return summarize(workload, preset, engine, runs.ours, runs.peer, bandwidth);
  } finally {
    ours.stop();
    peer.stop();
  }
}

/** Steps or batches after which memory is looked at; the first follows the compilation. */
const memoryAt = { training: [16, 1000, 2500, 5000, 10_000, 20_000], sampling: [2, 1000, 4000, 8000] } as const;
const batches = [1, 2, 4, 8, 16, 32, 64];
const importedMegabytes = 350;

async function measureAlone(workload: SoloWorkload, { engine, threads, json, presets }: BenchOptions): Promise<void> {
  const ours = await startOurs(engine, threads ?? os.availableParallelism());
  const show = (facts: object, text: string): void => console.log(json ? JSON.stringify({ workload, ...facts }) : text);
  try {
    if (workload === 'gpt_sample_batches') {
      for (const preset of presets) {
        const samples = await ours.ask<BatchSample[]>({ batches, preset });
        show({ preset, samples }, formatBatches(preset, samples));
      }
      return;
    }
    if (workload === 'import_350mb') {
      const python = findPython();
      await withCheckpoint(python, importedMegabytes, async (file) => {
        const peer = loadWithPyTorch(python, file);
        const samples = { ours: await ours.ask<ImportSample>({ importFile: file }), peer };
        show(samples, formatImport(importedMegabytes, samples.ours, peer));
      });
      return;
    }
    const of = workload === 'memory_training' ? 'training' : 'sampling';
    const samples = await ours.ask<MemorySample[]>({ memoryAt: memoryAt[of], of });
    show({ samples }, formatMemory(samples));
  } finally {
    ours.stop();
  }
}

await runProgram('bench', async () => {
  const options = parseBenchOptions(process.argv.slice(2));
  const alone = soloWorkloads.find((name) => options.workloads.includes(name));
  if (alone) return measureAlone(alone, options);
  const peer = describePeer(findPython());
  if (peer.blas === 'reference') {
    process.stderr.write(
      'bench: this PyTorch multiplies with the reference BLAS, which is an unfair peer. apt-get install libopenblas0-pthread\n',
    );
  }
  const machine = `${os.cpus()[0]?.model.trim() ?? 'unknown processor'}, ${os.availableParallelism()} threads`;
  const versions = `Node ${process.versions.node}, PyTorch ${peer.version} with ${peer.blas}`;
  process.stderr.write(`bench: ${machine}; ${versions}\n`);
  const results: Result[] = [];
  for (const workload of options.workloads) {
    for (const preset of options.presets) {
      const result = await measure(options, workload, preset);
      results.push(result);
      if (options.json) console.log(JSON.stringify(result));
      else process.stderr.write(`${workload} ${preset}: ${result.ratio.toFixed(2)}\n`);
    }
  }
  if (!options.json) console.log(formatTable(results));
});
