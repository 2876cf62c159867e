/**
 * Table 4 of the ViT-VQGAN paper (arXiv:2110.04627) at small scale, on CIFAR-10 or on your own
 * pictures: codebook usage and reconstruction error against the dimension of the codes, with and
 * without l2-normalisation, and StyleGAN's discriminator against a patch discriminator against
 * none. Each of the 17 trainings has checkpoints and is kept as it ends, so an interrupted run goes
 * on where it stopped.
 *
 *   npm run table-4            about half an hour on two cores; results: results/results.md
 *   npm run table-4 -- --data path/to/your/pictures
 *   npm run table-4 -- --help
 */
import '@tensorflow/tfjs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readImages } from '@vitvq/data';
import {
  commonOptions,
  openExampleImages,
  outOption,
  readOptions,
  runProgram,
  startEngine,
  terminalView,
} from '@vitvq/example-shared';
import { abortOnCtrlC, assertSameImages } from '@vitvq/run';
import { DEFAULTS, SMOKE, TEST_IMAGES, VARIANTS, type Settings } from './config.js';
import { openResults } from './results.js';
import { trainVariant } from './train-variant.js';
import { writePage } from './write-page.js';

const { seed, threads, smoke } = commonOptions;

await runProgram('table-4', async () => {
  const { out, data, ...given } = readOptions({
    name: 'table-4',
    description: 'Reproduces Table 4 of the ViT-VQGAN paper at small scale. Start it again to go on where it stopped.',
    options: {
      out: outOption(DEFAULTS.out),
      data: { kind: 'folder', help: 'your own pictures, also in sub-folders (default: CIFAR-10)' },
      steps: { kind: 'integer', minimum: 1, help: `steps of each training (default: ${DEFAULTS.steps})` },
      seed,
      threads,
      smoke,
    },
  });
  const steps = given.steps ?? (given.smoke ? SMOKE.steps : DEFAULTS.steps);
  const settings: Settings = {
    steps,
    seed: given.seed,
    smoke: given.smoke,
    ...(data !== undefined && { ownImages: true }),
  };
  const results = await openResults(out, settings);
  await startEngine(given);
  const madeUp = { kind: 'made-up', count: SMOKE.images, imageSize: SMOKE.imageSize };
  const images = await openExampleImages({
    data,
    heldOut: TEST_IMAGES,
    seed: given.seed,
    ...(given.smoke && { changes: { train: madeUp, validation: madeUp } }),
  });
  await assertSameImages(out, { train: images.train, validation: images.validation });
  const test = await readImages(images.validation, { imageSize: images.sizes.imageSize, onSkip: images.onSkip });
  const signal = abortOnCtrlC(out);

  for (const [index, variant] of VARIANTS.entries()) {
    if (results.of(variant)) continue;
    console.log(`${index + 1} of ${VARIANTS.length}: ${variant.name}`);
    const directory = join(out, 'training', variant.name);
    const request = { images, test, settings, directory, signal, view: terminalView };
    const trained = await trainVariant(variant, request);
    await results.keep(variant, trained.result, trained.reconstructions);
    await rm(directory, { recursive: true });
    const { usage, l2, psnr, seconds } = trained.result;
    console.log(
      `  usage ${(100 * usage).toFixed(1)} %, l2 ${(1000 * l2).toFixed(2)}e-3, ${psnr.toFixed(2)} dB, ${seconds.toFixed(0)} s`,
    );
  }

  console.log(`Results: ${await writePage(out, results, test, { settings, data })}`);
});
