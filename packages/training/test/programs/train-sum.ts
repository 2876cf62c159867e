/**
 * Trains on the numbers 1 to `steps`, from the newest checkpoint of a folder on if there is one,
 * and prints what happens. Before the steps of `pauses` it prints `paused` and waits for a line.
 *
 *   train-sum.ts <folder> <steps> <pauses, such as 3,5>
 *
 * With `VITVQ_USER` it trains as that user, who has no rights: folders can be read-only for it.
 */
import '@tensorflow/tfjs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { useEngine } from '@vitvq/engine';
import { Trainer } from '../../src/index.js';
import { numbers, Sum } from '../sum-task.js';

const [directory, steps, pauses] = process.argv.slice(2) as [string, string, string];
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const lines = createInterface(process.stdin);
const user = Number(process.env['VITVQ_USER']);
if (user) {
  process.setgid!(user);
  process.setuid!(user);
}

/** Waits at its pauses when everything of the step before is done. */
class PausingSum extends Sum {
  override async step(...[number, context]: Parameters<Sum['step']>): ReturnType<Sum['step']> {
    if (paused.has(number)) {
      say('paused');
      await once(lines, 'line');
    }
    return super.step(number, context);
  }
}

await useEngine({ name: 'cpu' });
const paused = new Set(pauses.split(',').map(Number));
const trainer = new Trainer({
  task: new PausingSum(),
  duration: { steps: Number(steps) },
  directory,
  checkpoint: { everySteps: 1 },
  openBatches: numbers(...Array.from({ length: Number(steps) }, (_, index) => index + 1)),
});
trainer.on('warning', ({ code, message }) => say(`warning ${code}: ${message}`));
trainer.on('checkpoint', ({ step }) => say(`checkpoint ${step}`));
try {
  await trainer.resume(directory);
  const { step } = await trainer.run();
  say(`ended after step ${step}`);
} catch (error) {
  say(`error ${(error as Error).message}`);
  process.exitCode = 1;
}
lines.close();
process.stdin.destroy();
