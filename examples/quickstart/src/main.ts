/**
 * Quickstart: trains a small ViT-VQGAN tokenizer (arXiv:2110.04627, stage 1) on CIFAR-10 or on your
 * own pictures, at first on squared error alone and then against a discriminator, measures it on
 * images that it has not seen, and writes a report.
 *
 *   npm run quickstart            about 6 minutes on two cores; see README.md for what to expect
 *   npm run quickstart -- --data path/to/your/pictures
 *   npm run quickstart -- --help
 */
import '@tensorflow/tfjs';
import { join } from 'node:path';
import { firstImages, foldIn, randomKey } from '@vitvq/core';
import { createBatches, readImages } from '@vitvq/data';
import { detailRatio } from '@vitvq/evaluation';
import * as shared from '@vitvq/example-shared';
import { createTokenizerTrainer, QUICKSTART_BATCH_SIZE, QUICKSTART_TRAINING } from '@vitvq/stage1-trainer';
import { createTokenizer, QUICKSTART, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import { saveTokenizer } from '@vitvq/tokenizer/node';

const { minutes } = QUICKSTART_TRAINING.duration;

await shared.runProgram('quickstart', async () => {
  const { out, data, loss, compare, seed, precision, fresh, smoke, ...options } = shared.readOptions({
    name: 'quickstart',
    description: 'Trains an image tokenizer on CIFAR-10 or on your own pictures, then writes a report.',
    options: {
      out: shared.outOption('runs/quickstart'),
      data: { kind: 'folder', help: 'your own PNG, JPEG or WebP files, also in sub-folders (default: CIFAR-10)' },
      minutes: { kind: 'number', minimum: 0, help: `how long to train (default: ${minutes})` },
      steps: { kind: 'integer', minimum: 1, help: 'train so many steps instead: the same numbers every time' },
      loss: { kind: 'choice', choices: ['full', 'l2'], default: 'full', help: 'with a discriminator, or l2 alone' },
      compare: { kind: 'folder', help: 'another run, whose reconstructions are shown as well' },
      precision: shared.precisionOption,
      ...shared.commonOptions,
    },
    check: (_, isGiven) => (isGiven('minutes') && isGiven('steps') ? ['--minutes and --steps exclude each other'] : []),
  });
  const steps = options.steps ?? (smoke && options.minutes === undefined ? 6 : undefined);
  const duration = steps === undefined ? { minutes: options.minutes ?? minutes } : { steps };
  const settings = { data: data ?? null, duration, loss, seed, precision, smoke };
  const folder = await shared.RunFolder.open(out, {
    settings,
    stages: ['training'],
    fresh,
    outcome: ['model', 'report.html', shared.METRICS_FILE],
  });
  const engine = await shared.startEngine(options);

  // The model: 3 + 3 transformer blocks, and 8 x 8 tokens of 512 codes, whatever the size of the
  // images.
  const size = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 };
  const quantizer = { ...QUICKSTART.quantizer, codebookSize: 32 };
  const [imageSize, patchSize] = smoke ? [16, 4] : data === undefined ? [32, 4] : [64, 8];
  const small = smoke && { encoder: size, decoder: size, quantizer };
  const config: ViTTokenizerConfig = { ...QUICKSTART, imageSize, patchSize, ...small };
  const tokenizer = createTokenizer(config, { seed });
  const { grid, vocabSize } = tokenizer;
  console.log(`Model: ${tokenizer.parameterCount()} weights, ${grid.join('x')} tokens an image, ${vocabSize} codes`);

  // The data: up to 1,000 images are held out. Crops of your own pictures are drawn at random.
  const key = randomKey(seed);
  const images = await shared.openTrainAndHeldOut({ data, smoke, heldOut: 1000, imageSize, key: foldIn(key, 102) });
  const heldOut = await readImages(images.heldOut, { imageSize, onSkip: images.onSkip });
  console.log(`Images: ${images.train.length} of ${images.train.name}, ${heldOut.shape[0]} held out`);
  const batchSize = Math.min(smoke ? 8 : QUICKSTART_BATCH_SIZE, images.train.length);
  const crop = data === undefined ? 'center' : 'random';
  const resizeTo = data === undefined ? imageSize : Math.round(1.125 * imageSize);
  const batches = { batchSize, imageSize, resizeTo, crop, flip: true, shuffle: true, onSkip: images.onSkip } as const;

  // The loss: the discriminator learns for a while before the autoencoder hears it. Its learning
  // rate is raised because equalized learning rates make it slow; R1 is weak, as StyleGAN2's rule
  // for so small images has it (0.0001 x pixels / batch).
  const adversary = {
    losses: { l2: 1, quantizer: 1, adversarial: 0.6 },
    discriminator: {
      model: { kind: 'style', size: imageSize, channels: { width: smoke ? 4 : 24 } },
      start: { fraction: 0.25 },
      adversarialStart: { fraction: 0.5 },
      adaptiveWeight: true,
      r1: { weight: 0.01, every: 16 },
      learningRateScale: 6,
    },
  } as const;
  const training = { ...QUICKSTART_TRAINING, ...(loss === 'full' && adversary), duration, seed, precision };

  const directory = folder.of('training');
  const signal = shared.abortOnCtrlC(out);
  const trainer = createTokenizerTrainer({
    tokenizer,
    config: training,
    openBatches: (startAt) => createBatches(images.train, { ...batches, key: foldIn(key, 101), startAt }),
    directory,
    checkpoint: { everySeconds: 30 },
    evaluation: { images: heldOut, batchSize: 50, everySeconds: 60 },
    preview: { images: firstImages(heldOut, 16) },
  });
  const summary = await shared.trainWithProgress(trainer, {
    directory,
    signal,
    show: ['loss', 'logitsReal', 'logitsFake'],
    describe: ({ psnr, reconstructions: { data: made } }) =>
      `${psnr.toFixed(2)} dB, detail ${detailRatio(heldOut.data, made, heldOut.shape).toFixed(2)}`,
  });

  const model = join(out, 'model');
  const metadata = {
    trainedOn: images.train.name,
    steps: String(summary.step),
    psnr: summary.evaluation.psnr.toFixed(2),
  };
  await saveTokenizer(model, tokenizer, config, { metadata });
  await shared.writeTokenizerOutcome({
    out,
    directory,
    title: 'ViT-VQ tokenizer: quickstart',
    engine,
    tokenizer,
    heldOut: { ...heldOut, source: images.heldOut.name },
    summary,
    batchSize,
    compare: compare && join(compare, 'model'),
    settings,
    config: { model: config, training },
    commands: [
      {
        purpose: 'Train longer',
        command: shared.shellCommand(['npm', 'run', 'quickstart', '--', '--minutes', '30', '--out', `${out}-30`]),
      },
      {
        purpose: 'Train on your own pictures',
        command: 'npm run quickstart -- --data path/to/pictures --out runs/mine',
      },
    ],
    skippedImages: images.skipped.length,
  });
  console.log(`Model:       ${model}`);
});
