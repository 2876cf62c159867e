import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { presets, r1Every, workloads } from './workloads.js';

/** Resident memory of the process, its engine's worker included, after so many steps. */
export interface MemorySample {
  /** Training steps, or sampled batches. */
  readonly steps: number;
  readonly rssMb: number;
  /** Of JavaScript in the main thread, without garbage: used heap, and what lies outside of it. */
  readonly heapMb: number;
  readonly externalMb: number;
}

/**
 * Trains the `tiny` model against its discriminator and looks at the memory on the way.
 * @param at  steps, ascending
 */
export async function measureMemory(at: readonly number[]): Promise<MemorySample[]> {
  const [autoencoder, plain, regularized] = workloads['gan_step']!.build(presets.tiny).runs;
  return sampleMemory(at, async (step) => {
    await autoencoder!.run();
    await (step % r1Every === 0 ? regularized! : plain!).run();
  });
}

/** Samples batches of images with the `tiny` transformer and looks at the memory on the way. */
export async function measureSamplingMemory(at: readonly number[]): Promise<MemorySample[]> {
  const [sampling] = workloads['gpt_sample']!.build(presets.tiny).runs;
  return sampleMemory(at, () => sampling!.run());
}

async function sampleMemory(at: readonly number[], step: (index: number) => Promise<unknown>): Promise<MemorySample[]> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const samples: MemorySample[] = [];
  let done = 0;
  for (const steps of at) {
    for (; done < steps; done++) await step(done);
    collectGarbage();
    const { rss, heapUsed, external } = process.memoryUsage();
    samples.push({ steps, rssMb: rss / 2 ** 20, heapMb: heapUsed / 2 ** 20, externalMb: external / 2 ** 20 });
  }
  return samples;
}

/** `start` is after the first steps, when everything is compiled. */
export function formatMemory(samples: readonly MemorySample[]): string {
  const [first, ...rest] = samples.map(({ rssMb }) => rssMb);
  const figures = samples.map(
    ({ steps, rssMb, heapMb, externalMb }, index) =>
      `${index ? `step ${steps}` : 'start'} ${rssMb.toFixed(1)} MB (heap ${heapMb.toFixed(1)}, external ${externalMb.toFixed(1)})`,
  );
  return `memory: ${figures.join(', ')}; growth ${(Math.max(...rest) - first!).toFixed(1)} MB`;
}
