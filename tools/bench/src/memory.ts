import { presets, r1Every, workloads } from './workloads.js';

/** Resident memory of the process, its engine's worker included, after so many training steps. */
export interface MemorySample {
  readonly steps: number;
  readonly rssMb: number;
}

/** Trains the `tiny` model against its discriminator and looks at the memory on the way. @param at  steps, ascending */
export async function measureMemory(at: readonly number[]): Promise<MemorySample[]> {
  const [autoencoder, plain, regularized] = workloads['gan_step']!.build(presets.tiny).runs;
  const samples: MemorySample[] = [];
  let done = 0;
  for (const steps of at) {
    for (; done < steps; done++) {
      await autoencoder!.run();
      await (done % r1Every === 0 ? regularized! : plain!).run();
    }
    samples.push({ steps, rssMb: process.memoryUsage().rss / 2 ** 20 });
  }
  return samples;
}

/** `start` is after the first steps, when everything is compiled. */
export function formatMemory(samples: readonly MemorySample[]): string {
  const [first, ...rest] = samples.map(({ rssMb }) => rssMb);
  const figures = samples.map(
    ({ steps, rssMb }, index) => `${index ? `step ${steps}` : 'start'} ${rssMb.toFixed(1)} MB`,
  );
  return `memory: ${figures.join(', ')}; growth ${(Math.max(...rest) - first!).toFixed(1)} MB`;
}
