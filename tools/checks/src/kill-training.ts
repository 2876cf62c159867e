/**
 * Kills trainings of both stages over their whole life, ten times each, compares every bit that
 * they leave with a training that was left alone, and begins anew, until there were `--kills`
 * kills. Prints what the trainings were doing as a table, and fails where a bit differs.
 *
 *   npm run kill-training -- --kills 1000
 *   npm run kill-training -- --kills 200 --training tokenizer --engine pjrt --devices 4 --seed 1
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { EngineName } from '@vitvq/engine';
import { bundleProgram } from './endurance/bundle-program.js';
import { killAndCompare, type KillOutcome } from './endurance/kill-and-compare.js';
import { formatKills } from './endurance/kill-table.js';
import { trainingNames, type TrainingName } from './endurance/trainings.js';

const killsOfRun = 10;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    training: { type: 'string', multiple: true, default: [...trainingNames] },
    engine: { type: 'string', default: 'onnx' },
    devices: { type: 'string', default: '1' },
    seed: { type: 'string', default: '0' },
  },
});
const trainings = values.training as TrainingName[];
const outcomes = new Map<TrainingName, KillOutcome>();
const program = await bundleProgram(fileURLToPath(new URL('endurance/train.ts', import.meta.url)));
try {
  for (const training of trainings) {
    const outcome = await killAndCompare({
      program: program.file,
      training,
      engine: values.engine as EngineName,
      devices: Number(values.devices),
      kills: Math.ceil(Number(values.kills) / trainings.length),
      killsOfRun,
      seed: Number(values.seed),
      onRun: (kills, isSame) => console.log(`${training}: ${kills} kills, ${isSame ? 'the same bits' : 'DIFFERENT'}`),
    });
    outcomes.set(training, outcome);
  }
} finally {
  await program.remove();
}
console.log(`\n${formatKills(outcomes)}`);
if ([...outcomes.values()].some(({ different }) => different > 0)) process.exitCode = 1;
