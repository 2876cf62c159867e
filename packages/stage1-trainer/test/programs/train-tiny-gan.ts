/**
 * Trains in the folder that it is given, from its newest checkpoint if there is one, and prints
 * each step.
 */
import '@tensorflow/tfjs';
import { latestCheckpoint } from '@vitvq/checkpoint';
import { useEngine } from '@vitvq/engine';
import { killedTrainer } from '../tiny-gan.js';

const directory = process.argv[2]!;
await useEngine({ name: 'onnx', threads: 1, onCompile: () => undefined });
const trainer = killedTrainer(directory);
if ((await latestCheckpoint(directory)) !== undefined) await trainer.restore(directory);
trainer.on('step', ({ step }) => process.stdout.write(`step ${step}\n`));
await trainer.run();
