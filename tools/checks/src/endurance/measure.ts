/**
 * Measures the memory of a training in this process, as `measure-memory.ts` says, which starts it
 * with the options of Node that make it see no garbage.
 */
import { parseArgs } from 'node:util';
import type { EngineName } from '@vitvq/engine';
import { summaries, type Summary } from './fit-slope.js';
import { measureMemory, memorySlopes, quantities } from './measure-memory.js';
import type { TrainingName } from './trainings.js';

/** Growth in bytes a step that does not count: 20 MB in a million steps. */
const allowedBytes = 20;

const { values } = parseArgs({
  options: {
    training: { type: 'string', default: 'transformer' },
    engine: { type: 'string', default: 'onnx' },
    steps: { type: 'string', default: '100000' },
    every: { type: 'string' },
  },
});
const steps = Number(values.steps);
const engine = values.engine as EngineName;
const started = performance.now();
const samples = await measureMemory({
  training: values.training as TrainingName,
  engine,
  steps,
  every: values.every === undefined ? undefined : Number(values.every),
  collectGarbage: () => void globalThis.gc?.(),
  onSample: ({ step, resident, heap, buffers, tensors }) => {
    if (step % Math.ceil(steps / 20) !== 0) return;
    const megabytes = [resident, heap, buffers].map((bytes) => (bytes / 2 ** 20).toFixed(2).padStart(8)).join(' ');
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`step ${String(step).padStart(7)} ${megabytes} MiB, ${tensors} tensors, ${seconds} s`);
  },
});
const cellsOf = (summary: Summary): string[] => {
  const slopes = memorySlopes(samples, summary);
  return quantities.map((quantity) => {
    const { slope, margin } = slopes[quantity];
    const [scale, digits] = quantity === 'tensors' ? [1, 3] : [1024, 2];
    return [slope, margin].map((value) => ((value * 1000) / scale).toFixed(digits)).join(' ± ');
  });
};
console.log('\n| engine | training | steps | fitted to | process, KiB | heap, KiB | buffers, KiB | tensors |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const summary of Object.keys(summaries) as Summary[]) {
  console.log(`| ${[engine, values.training, steps.toLocaleString('en'), summary, ...cellsOf(summary)].join(' | ')} |`);
}
const slopes = memorySlopes(samples, 'mean'); // decides; the lowest values are there to explain it
const grows = quantities.filter((quantity) => {
  const { slope, margin } = slopes[quantity];
  return slope - margin > (quantity === 'tensors' ? 0 : allowedBytes);
});
if (grows.length > 0) {
  console.error(`Memory grows: ${grows.join(', ')}.`);
  process.exitCode = 1;
}
