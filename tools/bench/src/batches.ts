import { gptSample } from './transformer-workloads.js';
import type { TransformerPreset } from './workload.js';

/** Sampling with one batch size. */
export interface BatchSample {
  readonly batch: number;
  readonly tokensPerSecond: number;
  /** Of a step: one token of every image. */
  readonly milliseconds: number;
}

/** Samples with ever larger batches, the better of two runs each. */
export async function measureBatches(preset: TransformerPreset, batches: readonly number[]): Promise<BatchSample[]> {
  const samples: BatchSample[] = [];
  for (const batch of batches) {
    const { runs, amount, dispose } = gptSample({ ...preset, batch });
    let best = Infinity;
    for (let repeat = 0; repeat < 3; repeat++) {
      const start = performance.now();
      for (const { run } of runs) await run();
      if (repeat > 0) best = Math.min(best, performance.now() - start); // the first one compiles
    }
    dispose?.();
    samples.push({ batch, tokensPerSecond: (1000 * amount) / best, milliseconds: (best * batch) / amount });
  }
  return samples;
}

const barWidth = 40;

/** A table with the curve as bars. */
export function formatBatches(preset: string, samples: readonly BatchSample[]): string {
  const most = Math.max(...samples.map(({ tokensPerSecond }) => tokensPerSecond));
  const lines = samples.map(({ batch, tokensPerSecond, milliseconds }) => {
    const bar = '█'.repeat(Math.max(1, Math.round((barWidth * tokensPerSecond) / most)));
    return [
      String(batch).padStart(5),
      tokensPerSecond.toFixed(0).padStart(8),
      milliseconds.toFixed(2).padStart(9),
      ` ${bar}`,
    ].join(' ');
  });
  return [`gpt_sample ${preset}, by batch size`, 'batch tokens/s   ms/step', ...lines].join('\n');
}
