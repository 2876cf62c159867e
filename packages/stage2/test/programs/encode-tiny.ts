import '@tensorflow/tfjs';
import { useEngine } from '@vitvq/engine';
import { encodeToShards } from '../../src/index.js';
import { brightnessTokenizer, tinyImages } from '../tiny-training.js';

/** Encodes into the folder that it is given, and is killed within its second shard. */
await useEngine({ name: 'cpu' });
await encodeToShards({
  tokenizer: brightnessTokenizer(),
  openBatches: (startAt) => tinyImages(startAt),
  views: 2,
  directory: process.argv[2]!,
  batchesPerShard: 2,
  onProgress: ({ shards }) => {
    if (shards === 1) setImmediate(() => process.kill(process.pid, 'SIGKILL'));
  },
});
