import '@tensorflow/tfjs';
import { setTimeout } from 'node:timers/promises';
import { useEngine } from '@vitvq/engine';
import { brightnessTokenizer, imageCount, tinyImageBatches } from '@vitvq/test-models';
import { encodeAsWorker } from '../../src/index.js';

/**
 * Works on the folder that it is given, slowly, and prints a line of JSON after each batch, and its
 * result at the end.
 */
const [directory, takeOverAfter] = [process.argv[2]!, Number(process.argv[3] ?? '120')];
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
await useEngine({ name: 'cpu' });
const result = await encodeAsWorker({
  tokenizer: brightnessTokenizer(),
  tokenizerIdentity: 'brightness',
  imageCount,
  openBatches: (startAt) => {
    const batches = tinyImageBatches(startAt, 1);
    const next = async () => setTimeout(30).then(() => batches.next());
    return { ...batches, next, close: () => batches.close() };
  },
  views: 2,
  directory,
  batchesPerShard: 1,
  takeOverAfter,
  onProgress: ({ ownImages }) => say({ ownImages }),
});
say(result);
