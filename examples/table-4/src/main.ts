/**
 * Table 4 of the ViT-VQGAN paper (arXiv:2110.04627) at small scale, on CIFAR-10: codebook usage and
 * reconstruction error against the dimension of the codes, with and without l2-normalisation, and
 * StyleGAN's discriminator against a patch discriminator against none. Each of the 17 trainings has
 * checkpoints and is kept as it ends, so an interrupted run goes on where it stopped.
 *
 *   npm run table-4            about half an hour on two cores; results: results/results.md
 *   npm run table-4 -- --help
 */
import '@tensorflow/tfjs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readImages, type ImageDataset } from '@vitvq/data';
import {
  abortOnCtrlC,
  commonOptions,
  imageRange,
  madeUpImages,
  openCifar10Split,
  outOption,
  readOptions,
  runProgram,
  showProgress,
  startEngine,
} from '@vitvq/example-shared';
import { DEFAULTS, IMAGE_SIZE, SMOKE, TEST_IMAGES, VARIANTS, type Settings } from './config.js';
import { openResults } from './results.js';
import { trainVariant } from './train-variant.js';
import { writePage } from './write-page.js';

const { seed, threads, smoke } = commonOptions;

await runProgram('table-4', async () => {
  const { out, ...given } = readOptions({
    name: 'table-4',
    description: 'Reproduces Table 4 of the ViT-VQGAN paper at small scale. Start it again to go on where it stopped.',
    options: {
      out: outOption(DEFAULTS.out),
      steps: { kind: 'integer', minimum: 1, help: `steps of each training (default: ${DEFAULTS.steps})` },
      seed,
      threads,
      smoke,
    },
  });
  const steps = given.steps ?? (given.smoke ? SMOKE.steps : DEFAULTS.steps);
  const settings = { steps, seed: given.seed, smoke: given.smoke };
  const results = await openResults(out, settings);
  await startEngine(given);
  const { train, test } = await openImages(settings);
  const signal = abortOnCtrlC(out);

  for (const [index, variant] of VARIANTS.entries()) {
    if (results.of(variant)) continue;
    console.log(`${index + 1} of ${VARIANTS.length}: ${variant.name}`);
    const view = showProgress(process.stdout, { show: ['loss', 'l2'], signal });
    const onStep = view.update.bind(view);
    const directory = join(out, 'training', variant.name);
    const request = { train, test, settings, directory, signal, onStep };
    const trained = await trainVariant(variant, request).finally(() => view.stop());
    await results.keep(variant, trained.result, trained.reconstructions);
    await rm(directory, { recursive: true });
    const { usage, l2, psnr, seconds } = trained.result;
    console.log(
      `  usage ${(100 * usage).toFixed(1)} %, l2 ${(1000 * l2).toFixed(2)}e-3, ${psnr.toFixed(2)} dB, ${seconds.toFixed(0)} s`,
    );
  }

  console.log(`Results: ${await writePage(out, results, test, settings)}`);
});

/** Opens training images, and those that every tokenizer is measured on. */
async function openImages({
  smoke,
}: Settings): Promise<{ train: ImageDataset; test: Awaited<ReturnType<typeof readImages>> }> {
  if (smoke) {
    const source = madeUpImages({ count: SMOKE.images, imageSize: IMAGE_SIZE });
    return { train: source, test: await readImages(source, { imageSize: IMAGE_SIZE }) };
  }
  const test = imageRange(await openCifar10Split('test'), 0, TEST_IMAGES);
  return { train: await openCifar10Split('train'), test: await readImages(test, { imageSize: IMAGE_SIZE }) };
}
