import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { useEngine, type EngineName } from '@vitvq/engine';
import { fitSlope, type Slope, type Summary } from './fit-slope.js';
import { createTraining, plans, type TrainingName } from './trainings.js';

/** What is measured. */
export const quantities = ['resident', 'heap', 'buffers', 'tensors'] as const;

/** Bytes of the process, of its heap and of its buffers; or a number of tensors. */
export type Quantity = (typeof quantities)[number];

/** Memory of a training at a step. */
export type MemorySample = Readonly<Record<Quantity, number>> & { readonly step: number };

/** Number of samples of a training, about. */
const sampleCount = 400;

/** Number of evaluations and of checkpoints of a training, where nothing else is said. */
const writes = 100;

/** Share of a training that does not count: code is compiled, pools grow to their size. */
const warmUp = 0.25;

/** Options of {@link measureMemory}. */
export interface MeasureMemoryOptions {
  readonly training: TrainingName;
  readonly engine: EngineName;
  readonly steps: number;
  /**
   * Steps between two evaluations, and between two checkpoints. Many of them make a growth with
   * each show that is lost among steps. @default a hundredth of the steps
   */
  readonly every?: number | undefined;
  /** Collects garbage; without it heap and buffers hold what is not yet collected. */
  readonly collectGarbage?: () => void;
  /** Called with each sample. */
  readonly onSample?: (sample: MemorySample) => void;
}

/** Trains and measures the memory of this process on the way, also of its logs and checkpoints. */
export async function measureMemory(options: MeasureMemoryOptions): Promise<MemorySample[]> {
  const { training, engine, steps, collectGarbage, onSample = () => undefined } = options;
  await useEngine({ name: engine, threads: 1, onCompile: () => undefined });
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-memory-'));
  const { every = Math.max(1, Math.floor(steps / writes)) } = options;
  const plan = { ...plans[training], steps, saveEvery: every, evaluateEvery: every };
  const trainer = createTraining[training](folder, plan);
  // Memory of the samples is taken before: objects would show as a growth of their own.
  const stepsOfSample = Math.max(1, Math.floor(steps / sampleCount));
  const table = new Float64Array(Math.ceil(steps / stepsOfSample) * rowLength);
  let rows = 0;
  trainer.on('step', ({ step }) => {
    if (step % stepsOfSample !== 0) return;
    collectGarbage?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    table.set([step, rss, heapUsed, external, tf.memory().numTensors], rowLength * rows);
    onSample(sampleOf(table, rows++));
  });
  try {
    await trainer.run();
    return Array.from({ length: rows }, (_, row) => sampleOf(table, row));
  } finally {
    trainer.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Numbers of a sample: the step, then the quantities in their order. */
const rowLength = 1 + quantities.length;

function sampleOf(table: Float64Array, row: number): MemorySample {
  const at = (column: number): number => table[row * rowLength + column]!;
  return { step: at(0), resident: at(1), heap: at(2), buffers: at(3), tensors: at(4) };
}

/** Fits a line to each quantity, after the training has warmed up: its change a step. */
export function memorySlopes(samples: readonly MemorySample[], summary: Summary): Readonly<Record<Quantity, Slope>> {
  const counted = samples.slice(Math.floor(samples.length * warmUp));
  const slopeOf = (quantity: Quantity): Slope =>
    fitSlope(
      counted.map((sample) => [sample.step, sample[quantity]]),
      summary,
    );
  return {
    resident: slopeOf('resident'),
    heap: slopeOf('heap'),
    buffers: slopeOf('buffers'),
    tensors: slopeOf('tensors'),
  };
}
