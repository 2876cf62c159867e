/**
 * Trains a tiny model for many steps, with evaluations, logs and checkpoints, and fits a line to
 * the memory of the process: its change in 1,000 steps with the interval of a confidence of 95 %.
 * Fails where memory or tensors grow.
 *
 *   npm run measure-memory -- --training transformer --engine onnx --steps 100000
 *   npm run measure-memory -- --steps 20000 --every 10    # 2,000 evaluations and checkpoints
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from './endurance/bundle-program.js';

const program = await bundleProgram(fileURLToPath(new URL('endurance/measure.ts', import.meta.url)));
try {
  // The thread of an engine collects its own garbage, seldom: what waits for that looks like a leak
  // for as long as a hundred thousand steps. An engine without a thread would only be slow.
  const ofThreads = process.argv.includes('cpu') ? [] : ['--gc-global', '--min-semi-space-size=16'];
  const argv = ['--expose-gc', ...ofThreads, program.file, ...process.argv.slice(2)];
  const [code] = (await once(spawn(process.execPath, argv, { stdio: 'inherit' }), 'close')) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  await program.remove();
}
