import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleProgram, type BundledProgram } from '../src/endurance/bundle-program.js';
import { killAndCompare } from '../src/endurance/kill-and-compare.js';
import { formatKills } from '../src/endurance/kill-table.js';
import { trainingNames } from '../src/endurance/trainings.js';

let program: BundledProgram;
beforeAll(async () => {
  program = await bundleProgram(fileURLToPath(new URL('../src/endurance/train.ts', import.meta.url)));
});
afterAll(() => program.remove());

describe.each(trainingNames)('the training of a %s that is killed in its life', (training) => {
  it('goes on as if it had not been, bit for bit: log, weights, optimizers, averages, best checkpoint', async () => {
    const outcome = await killAndCompare({
      program: program.file,
      training,
      engine: 'onnx',
      kills: 3,
      killsOfRun: 3,
      seed: 1,
    });
    expect(outcome.different).toBe(0);
    expect(outcome.kills).toHaveLength(3);
    expect(outcome.tensors).toBeGreaterThan(90);
    expect(formatKills(new Map([[training, outcome]]))).toContain(`| ${training} | 3 | `);
  });
});
