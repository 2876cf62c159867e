/**
 * Trains the quickstart's tokenizer on CIFAR-10, and then a small GPT on its codes, in each
 * precision from the same seeds, and prints what they reach on held-out images.
 *
 *   npm run compare-precisions -- --engine onnx --steps 150 --seeds 3
 */
import '@tensorflow/tfjs';
import { foldIn, randomKey, type HostImages } from '@vitvq/core';
import { createBatches, readImages } from '@vitvq/data';
import { precisions, type Precision } from '@vitvq/engine';
import {
  commonOptions,
  openExampleImages,
  readOptions,
  runProgram,
  startEngine,
  type ExampleImages,
} from '@vitvq/example-shared';
import {
  createTokenizerTrainer,
  QUICKSTART_BATCH_SIZE,
  QUICKSTART_TRAINING,
  type TokenizerTrainer,
} from '@vitvq/stage1-trainer';
import {
  createTransformerTrainer,
  QUICKSTART_TRANSFORMER_TRAINING,
  type TransformerTrainer,
} from '@vitvq/stage2-trainer';
import { createTokenizer, QUICKSTART, type VQTokenizer } from '@vitvq/tokenizer';
import { GPT } from '@vitvq/transformers';

const imageSize = QUICKSTART.imageSize;
const heldOutBatch = 50;

/** What every training of the comparison shares. */
interface Settings {
  readonly images: ExampleImages;
  readonly heldOut: HostImages;
  readonly steps: number;
  readonly seed: number;
  readonly precision: Precision;
}

function batchesOf({ images, seed }: Settings, batchSize: number, startAt: number) {
  const key = foldIn(randomKey(seed), 101);
  return createBatches(images.train, { batchSize, imageSize, flip: true, shuffle: true, key, startAt });
}

/** Counts the steps of a training that the loss scaling leaves out. */
function overflowsOf(trainer: TokenizerTrainer | TransformerTrainer): () => number {
  let count = 0;
  trainer.on('step', ({ values }) => {
    if (values['gradientNorm'] === undefined) count++;
  });
  return () => count;
}

async function trainTokenizer(tokenizer: VQTokenizer, settings: Settings) {
  const { steps, seed, precision, heldOut } = settings;
  const trainer = createTokenizerTrainer({
    tokenizer,
    config: { ...QUICKSTART_TRAINING, duration: { steps }, seed, precision },
    openBatches: (startAt) => batchesOf(settings, QUICKSTART_BATCH_SIZE, startAt),
    evaluation: { images: heldOut, batchSize: heldOutBatch },
  });
  const overflows = overflowsOf(trainer);
  const { evaluation } = await trainer.run();
  trainer.dispose();
  return { overflows: overflows(), psnr: evaluation!.psnr, usage: evaluation!.codebook!.usage };
}

async function trainTransformer(tokenizer: VQTokenizer, settings: Settings) {
  const { steps, seed, precision, images } = settings;
  const { vocabSize, grid } = tokenizer;
  const size = { dim: 128, depth: 3, numHeads: 4 };
  const model = new GPT({ ...size, vocabSize, grid, conditionVocabSize: 1, key: foldIn(randomKey(seed), 103) });
  const trainer = createTransformerTrainer({
    model,
    tokenizer,
    config: { ...QUICKSTART_TRANSFORMER_TRAINING, duration: { steps }, conditionDropRate: 0, seed, precision },
    openBatches: (startAt) => batchesOf(settings, QUICKSTART_BATCH_SIZE, startAt),
    evaluation: {
      openBatches: () =>
        createBatches(images.validation, { batchSize: heldOutBatch, imageSize, epochs: 1, lastBatch: 'pad' }),
    },
  });
  const overflows = overflowsOf(trainer);
  const { evaluation } = await trainer.run();
  trainer.dispose();
  model.dispose();
  return { overflows: overflows(), nats: evaluation!.natsPerToken };
}

await runProgram('compare-precisions', async () => {
  const { steps, seeds, seed, precision, ...options } = readOptions({
    name: 'compare-precisions',
    description: 'Trains tokenizer and GPT on CIFAR-10 in each precision and prints what they reach.',
    options: {
      steps: { kind: 'integer', minimum: 1, default: 200, help: 'steps of each training' },
      seeds: { kind: 'integer', minimum: 1, default: 2, help: 'number of seeds, from --seed on' },
      precision: { kind: 'texts', value: 'precision', help: `one of ${precisions.join(', ')} (default: all)` },
      ...commonOptions,
    },
  });
  const chosen = precisions.filter((each) => precision.length === 0 || precision.includes(each));
  await startEngine(options);
  const madeUp = {
    train: { kind: 'made-up', count: 64, imageSize },
    validation: { kind: 'made-up', count: 32, from: 64, imageSize },
  };
  const images = await openExampleImages({ heldOut: 500, seed, ...(options.smoke && { changes: madeUp }) });
  const heldOut = await readImages(images.validation, { imageSize });
  console.log('| seed | precision | PSNR (dB) | codebook usage | nats per token | steps that overflowed |');
  console.log('| ---- | --------- | --------- | -------------- | -------------- | --------------------- |');
  for (let each = seed; each < seed + seeds; each++) {
    for (const narrow of chosen) {
      const settings = { images, heldOut, steps, seed: each, precision: narrow };
      const tokenizer = createTokenizer(QUICKSTART, { seed: each });
      const { psnr, usage, overflows } = await trainTokenizer(tokenizer, settings);
      const transformer = await trainTransformer(tokenizer, settings);
      tokenizer.dispose();
      const cells = [each, narrow, psnr.toFixed(2), `${(100 * usage).toFixed(0)} %`, transformer.nats.toFixed(3)];
      cells.push(`${overflows} and ${transformer.overflows}`);
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
});
