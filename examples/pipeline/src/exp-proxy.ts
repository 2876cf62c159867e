import '@tensorflow/tfjs';
import { createBatches } from '@vitvq/data';
import { trainProxyClassifier } from '@vitvq/evaluation';
import { startEngine, terminalView } from '@vitvq/example-shared';
import { openRunImages, readRunConfig } from '@vitvq/run';
import { randomKey } from '@vitvq/core';
const [channels, batch, steps, rate] = process.argv.slice(2);
await startEngine({ engine: 'onnx', threads: 1 } as never);
const config = await readRunConfig('pipeline', {});
const images = await openRunImages({ ...config, probe: null } as never, terminalView);
const imageSize: [number, number] = [32, 32];
const started = performance.now(), cpu = process.cpuUsage();
let sum = 0;
const proxy = await trainProxyClassifier({
  classes: 10, channels: channels!.split(',').map(Number), inputSize: [32, 32],
  images: () => createBatches(images.train, { batchSize: Number(batch), imageSize, flip: true, shuffle: true, key: randomKey(5) }),
  test: () => createBatches(images.validation, { batchSize: 50, imageSize, lastBatch: 'partial', epochs: 1 }),
  steps: Number(steps), seed: 0, learningRate: Number(rate),
  onProgress: ({ step, loss }) => { sum += loss; if (step % 250 === 0) { console.log(step, (sum / 250).toFixed(3), ((performance.now() - started) / 1000).toFixed(0), (process.cpuUsage(cpu).user / 1e6).toFixed(0)); sum = 0; } },
});
console.log(process.argv.slice(2).join(' '), proxy.facts.accuracy);
process.exit(0);
