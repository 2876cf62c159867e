/**
 * Trains one of `trainings.ts` on an engine, in the folder that a line of standard input names,
 * from its newest checkpoint on if there is one. Prints `ready` when everything is loaded, then
 * each step, evaluation and checkpoint as it ends.
 *
 *   train.ts <training> <engine> <devices>
 */
import '@tensorflow/tfjs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { useEngine, type EngineName } from '@vitvq/engine';
import { createTraining, plans, type TrainingName } from './trainings.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const [name, engine, devices] = process.argv.slice(2) as [TrainingName, EngineName, string];
// More threads would add up in another order from one run to the next.
await useEngine({
  name: engine,
  threads: 1,
  mesh: { data: Number(devices), weights: 'sharded' },
  onCompile: () => undefined,
});
say('ready');
const lines = createInterface(process.stdin);
const [directory] = (await once(lines, 'line')) as [string];
lines.close();
process.stdin.destroy();
const trainer = createTraining[name](directory, plans[name]);
await trainer.resume(directory);
for (const event of ['step', 'evaluate', 'checkpoint'] as const) {
  trainer.on(event, ({ step }: { readonly step: number }) => say(`${event} ${step}`));
}
trainer.on('warning', ({ code, message }) => say(`warning ${code}: ${message}`));
await trainer.run();
say('end');
