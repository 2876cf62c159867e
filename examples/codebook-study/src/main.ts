/**
 * Health of codebooks: how many codes are dead, how evenly codes are used and how good images are,
 * over trainings of nine quantizers on CIFAR-10, each with and without what helps it: codes that
 * start as features of data, and resets of codes that nothing chose. Each of the 23 variants is
 * trained from three seeds. A training is kept as it ends, so an interrupted run goes on where it
 * stopped.
 *
 *   npm run codebook-study            docs/codebook-health.md has the results and what they cost
 *   npm run codebook-study -- --help
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

const { threads, smoke } = commonOptions;

await runProgram('codebook-study', async () => {
  const { out, ...given } = readOptions({
    name: 'codebook-study',
    description:
      'Trains nine quantizers, and shows how healthy their codebooks are. Start it again to go on where it stopped.',
    options: {
      out: outOption(DEFAULTS.out),
      steps: { kind: 'integer', minimum: 1, help: `steps of each training (default: ${DEFAULTS.steps})` },
      seeds: {
        kind: 'integer',
        minimum: 2,
        help: `trainings of each variant, from seeds 0, 1, … (default: ${DEFAULTS.seeds})`,
      },
      threads,
      smoke,
    },
  });
  const { steps: defaultSteps, seeds: defaultSeeds } = given.smoke ? { ...DEFAULTS, ...SMOKE } : DEFAULTS;
  const { steps = defaultSteps, seeds: count = defaultSeeds } = given;
  const seeds = Array.from({ length: count }, (_, seed) => seed);
  const settings: Settings = { steps, smoke: given.smoke };
  const results = await openResults(out, settings);
  await startEngine(given);
  const madeUp = { kind: 'made-up', count: SMOKE.images, imageSize: SMOKE.imageSize };
  const images = await openExampleImages({
    heldOut: TEST_IMAGES,
    seed: 0,
    ...(given.smoke && { changes: { train: madeUp, validation: madeUp } }),
  });
  await assertSameImages(out, { train: images.train, validation: images.validation });
  const test = await readImages(images.validation, { imageSize: images.sizes.imageSize, onSkip: images.onSkip });
  const signal = abortOnCtrlC(out);

  // Seed by seed, so that a study that was stopped has something of every variant.
  const trainings = seeds.flatMap((seed) => VARIANTS.map((variant) => ({ variant, seed })));
  for (const [index, { variant, seed }] of trainings.entries()) {
    if (results.of(variant, seed)) continue;
    console.log(`${index + 1} of ${trainings.length}: ${variant.name}, seed ${seed}`);
    const directory = join(out, 'training', `${variant.name}-${seed}`);
    const request = { images, test, settings, seed, directory, signal, view: terminalView };
    const result = await trainVariant(variant, request);
    await results.keep(variant, seed, result);
    await rm(directory, { recursive: true });
    const { deadCodes, perplexity, psnr } = result.curve.at(-1)!;
    console.log(
      `  ${deadCodes} dead codes, perplexity ${perplexity.toFixed(0)}, ${psnr.toFixed(2)} dB, ${result.seconds} s`,
    );
  }

  console.log(`Results: ${await writePage(out, results, { settings, seeds })}`);
});
