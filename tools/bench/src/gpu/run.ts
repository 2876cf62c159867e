/**
 * The program of the GPU bundle: says what there is, compares one step of every workload with the
 * CPU, then times ours, JAX and PyTorch in turn. What is done is printed and kept at once.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LineProcess } from '../line-process.js';
import type { Measurement } from '../protocol.js';
import { median } from '../results.js';
import { presets, type PresetName } from '../workloads.js';
import { bfloat16Peak, figuresHeader, formatFigures, stepFlops, type Figures } from './figures.js';
import { compareParity, formatParity, parityWorkloads, type ParityResult, type ParityValues } from './parity.js';
import { pythonFacts, type PythonFacts } from './python.js';

const help = `Compares vitvq with JAX and PyTorch on this machine's NVIDIA GPU, or on its CPU.

  sh vitvq-gpu.sh [options]

  --minutes N         the time that all takes at most (default: 8)
  --preset NAME       ${Object.keys(presets).join(', ')} (default: base)
  --parity NAME       preset of the comparison with the CPU (default: tiny)
  --only NAME         only this workload: gpt_step, stage1_step or gpt_sample
  --dtype NAME        only this one of bfloat16 and float32
  --jax-python FILE   the Python that has JAX (default: VITVQ_PYTHON, or python3)
  --torch-python FILE the Python that has PyTorch (default: VITVQ_PYTHON, or python3)
  --out FILE          results as JSON (default: vitvq-gpu.json)`;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '8' },
    preset: { type: 'string', default: 'base' },
    parity: { type: 'string', default: 'tiny' },
    only: { type: 'string' },
    dtype: { type: 'string' },
    'jax-python': { type: 'string', default: process.env.VITVQ_PYTHON ?? 'python3' },
    'torch-python': { type: 'string', default: process.env.VITVQ_PYTHON ?? 'python3' },
    out: { type: 'string', default: 'vitvq-gpu.json' },
    help: { type: 'boolean', default: false },
  },
});
const preset = options.preset as PresetName;
const minutes = Number(options.minutes);
if (options.help || !(preset in presets) || !(options.parity in presets) || !(minutes > 0)) {
  console.log(help);
  process.exit(options.help ? 0 : 2);
}

const deadline = performance.now() + minutes * 60_000;
const here = dirname(fileURLToPath(import.meta.url));
const driver = '/proc/driver/nvidia/version';
const hasGpu = existsSync(driver);
const threads = os.availableParallelism();
const cache = await mkdtemp(join(os.tmpdir(), 'vitvq-gpu-cache-'));

const results = { machine: [] as string[], parity: [] as ParityResult[], figures: [] as Figures[] };
const keep = (): void => writeFileSync(options.out, `${JSON.stringify(results, null, 2)}\n`);

function say(line: string): void {
  console.log(line);
  results.machine.push(line);
}

const facts = async (python: string): Promise<PythonFacts | undefined> => pythonFacts(python).catch(() => undefined);
const [jax, torch] = [await facts(options['jax-python']), await facts(options['torch-python'])];
const list = (python: PythonFacts | undefined): string =>
  Object.entries(python?.versions ?? {})
    .map(([name, version]) => `${name} ${version}`)
    .join(', ') || 'none of the packages that are looked for';
say(`processor  ${os.cpus()[0]?.model ?? 'unknown'}, ${threads} cores, ${Math.round(os.totalmem() / 2 ** 30)} GB`);
say(`driver     ${hasGpu ? readFileSync(driver, 'utf8').split('\n')[0]! : 'no NVIDIA driver: the CPU is measured'}`);
say(`JAX        ${list(jax)} (${options['jax-python']})`);
if (options['torch-python'] !== options['jax-python']) say(`PyTorch    ${list(torch)} (${options['torch-python']})`);

// Where nobody names a plug-in, the one of JAX's own packages is meant.
const ourEnvironment: Record<string, string> = {
  VITVQ_CACHE: cache,
  ...(jax && !process.env.VITVQ_PJRT_PLUGIN ? { VIRTUAL_ENV: jax.prefix } : {}),
  ...(jax?.cuda && hasGpu
    ? { XLA_FLAGS: `${process.env.XLA_FLAGS ?? ''} --xla_gpu_cuda_data_dir=${jax.cuda}`.trim() }
    : {}),
};

class OutOfTime extends Error {
  constructor() {
    super(`the ${minutes} minutes are over`);
  }
}

/** Waits for an answer until the time is over. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new OutOfTime()), Math.max(0, deadline - performance.now()));
  });
  answer.catch(() => undefined); // it may fail later, when nobody waits
  return Promise.race([answer, over]).finally(() => clearTimeout(timer));
}

const lastLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1)!.slice(0, 200);

/** Compares one step of every workload with the CPU. */
async function checkParity(): Promise<void> {
  console.log(`\nOne step of every workload against onnx on the CPU, preset ${options.parity}, float32:`);
  // Products of float32 in TF32 would differ in the third digit.
  const exact = { ...ourEnvironment, NVIDIA_TF32_OVERRIDE: '0' };
  const start = (engine: string): LineProcess =>
    new LineProcess(process.execPath, [join(here, 'parity-main.js'), engine, options.parity], exact);
  const [reference, tried] = [start('onnx'), start('pjrt')];
  try {
    for (const workload of parityWorkloads) {
      const read = (from: LineProcess): Promise<ParityValues> => inTime(from.read<ParityValues>());
      const [expected, got] = await Promise.allSettled([read(reference), read(tried)]);
      if (expected.status === 'fulfilled' && got.status === 'fulfilled') {
        const result = compareParity(expected.value, got.value);
        results.parity.push(result);
        console.log(formatParity(result));
      } else {
        const failed = expected.status === 'rejected' ? expected : (got as PromiseRejectedResult);
        results.parity.push({ workload, difference: NaN, tolerance: 0, agrees: false });
        console.log(`✗ ${workload.padEnd(20)} ${lastLine(failed.reason)}`);
      }
      keep();
    }
  } finally {
    reference.stop();
    tried.stop();
  }
}

const sides = ['ours', 'jax', 'pytorch'] as const;
type Side = (typeof sides)[number];

/** Starts a system in a process of its own, whose peak memory is that of one workload. */
function startSide(side: Side, dtype: string): LineProcess {
  if (side === 'ours')
    return new LineProcess(process.execPath, [join(here, 'ours.js'), 'pjrt', String(threads), dtype], ourEnvironment);
  const shared = ['--serve', '--threads', String(threads), '--dtype', dtype];
  if (side === 'jax') return new LineProcess(options['jax-python'], [join(here, 'peer_jax.py'), ...shared]);
  const device = ['--compile', '--device', hasGpu ? 'cuda' : 'cpu'];
  return new LineProcess(options['torch-python'], [join(here, 'peer_pytorch.py'), ...shared, ...device]);
}

/** Milliseconds for which a workload is repeated. */
const measuredMilliseconds = 3000;

async function measure(side: Side, workload: string, dtype: string): Promise<Figures> {
  const about = { workload, preset, dtype, side };
  const versions = { jax: jax?.versions.jax, pytorch: torch?.versions.torch, ours: '' }[side];
  if (versions === undefined) return { ...about, missing: 'not installed' };
  const system = startSide(side, dtype);
  try {
    await inTime(system.read());
    const ask = (repeats: number): Promise<Measurement> =>
      inTime(system.ask<Measurement>({ workload, preset, repeats }));
    const first = await ask(1); // compiles
    const repeats = Math.min(20, Math.max(3, Math.round(measuredMilliseconds / first.ms[0]!)));
    const last = await ask(repeats);
    const ms = median(last.ms);
    const flops = stepFlops(workload, presets[preset]);
    const teraflops = flops === undefined ? undefined : flops / ms / 1e9;
    const peak = bfloat16Peak(last.device ?? '');
    return {
      ...about,
      system: last.system,
      device: last.device,
      ms,
      perSecond: (1000 * last.per_run) / ms,
      unit: last.unit,
      memoryMb: hasGpu ? last.device_mb : last.rss_mb,
      teraflops,
      peakShare: peak === undefined || teraflops === undefined ? undefined : teraflops / peak,
    };
  } catch (error) {
    return { ...about, missing: lastLine(error) };
  } finally {
    system.stop();
  }
}

const over = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a / b;

async function measureAll(): Promise<void> {
  console.log(`\nPreset ${preset}; each system in a process of its own, one after the other; memory: peak of`);
  console.log(
    `${hasGpu ? 'the GPU' : 'the process'}; t/ours, MB/ours: time and memory over ours, above 1 ours is better\n`,
  );
  console.log(figuresHeader);
  const dtypes = options.dtype === undefined ? ['bfloat16', 'float32'] : [options.dtype];
  // What matters most comes first, in case the time is over.
  for (const workloads of [['gpt_step', 'stage1_step'], ['gpt_sample']]) {
    for (const dtype of dtypes) {
      for (const workload of workloads.filter((name) => options.only === undefined || name === options.only)) {
        let ours: Figures | undefined;
        for (const side of sides) {
          const figures = await measure(side, workload, dtype);
          ours ??= figures;
          const compared = {
            ...figures,
            timeRatio: over(figures.ms, ours.ms),
            memoryRatio: over(figures.memoryMb, ours.memoryMb),
          };
          results.figures.push(compared);
          console.log(formatFigures(compared));
          keep();
        }
      }
    }
  }
}

try {
  await checkParity();
  await measureAll();
  const device = results.figures.find((each) => each.side === 'ours' && each.device !== undefined)?.device;
  const peak = device === undefined ? undefined : bfloat16Peak(device);
  const known = peak === undefined ? 'its bfloat16 peak is not known here' : `bfloat16 peak ${peak} TFLOP/s`;
  console.log(`\ndevice: ${device ?? 'none'}; ${known}. Results: ${options.out}`);
} finally {
  keep();
  await rm(cache, { recursive: true, force: true });
}
process.exit(results.parity.every(({ agrees }) => agrees) ? 0 : 1);
