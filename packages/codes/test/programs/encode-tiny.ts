import '@tensorflow/tfjs';
import { useEngine } from '@vitvq/engine';
import { brightnessTokenizer, tinyImageBatches } from '@vitvq/test-models';
import { encodeToShards } from '../../src/index.js';

/** Encodes into the folder that it is given, and is killed within its second shard. */
await useEngine({ name: 'cpu' });
await encodeToShards({
  tokenizer: brightnessTokenizer(),
  openBatches: (startAt) => tinyImageBatches(startAt),
  views: 2,
  directory: process.argv[2]!,
  batchesPerShard: 2,
  onProgress: ({ shards }) => {
    if (shards === 1) setImmediate(() => process.kill(process.pid, 'SIGKILL'));
  },
});
