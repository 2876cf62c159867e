/**
 * Trains in the folder that it is given, from its newest checkpoint if there is one, and prints
 * each step, evaluation and checkpoint as it ends.
 */
import '@tensorflow/tfjs';
import { latestCheckpoint } from '@vitvq/checkpoint';
import { useEngine } from '@vitvq/engine';
import { killedTrainer } from '../tiny-gan.js';

const directory = process.argv[2]!;
await useEngine({ name: 'onnx', threads: 1, onCompile: () => undefined });
const trainer = killedTrainer(directory);
if ((await latestCheckpoint(directory)) !== undefined) await trainer.restore(directory);
for (const name of ['step', 'evaluate', 'checkpoint'] as const) {
  trainer.on(name, ({ step }: { readonly step: number }) => void process.stdout.write(`${name} ${step}\n`));
}
await trainer.run();
