/**
 * Table 4 of the ViT-VQGAN paper (arXiv:2110.04627) at small scale, on CIFAR-10: codebook usage and reconstruction error
 * against the dimension of the codes, with and without l2-normalisation, and StyleGAN's discriminator against a patch
 * discriminator against none. Each of the 17 trainings is kept as it ends, so an interrupted run goes on where it stopped.
 *
 *   npm run table-4            about half an hour on two cores; results/results.md shows what came out
 *   npm run table-4 -- --help
 */
import '@tensorflow/tfjs';
import { abortOnCtrlC, CommandLine, runProgram, showProgress } from '@vitvq/example-shared';
import { foldIn, randomKey, randomUniform } from '@vitvq/core';
import { openCifar10, openImageArray, readImages, subset, type ImageDataset } from '@vitvq/data';
import { useEngine } from '@vitvq/engine';
import { DEFAULTS, IMAGE_SIZE, SMOKE, TEST_IMAGES, VARIANTS, type Settings } from './config.js';
import { openResults } from './results.js';
import { trainVariant } from './train-variant.js';
import { writePage } from './write-page.js';

interface Request {
  readonly out: string;
  readonly threads: number | undefined;
  readonly settings: Settings;
}

function readRequest(argv: readonly string[]): Request {
  const line = new CommandLine(
    {
      name: 'table-4',
      usage: '[options]            (npm run table-4 -- [options])',
      description:
        'Reproduces Table 4 of the ViT-VQGAN paper at small scale. Start it again to go on where it stopped.',
      options: [
        { flags: '--out [folder]', description: `where everything is written (default: ${DEFAULTS.out})` },
        { flags: '--steps [number]', description: `steps of each training (default: ${DEFAULTS.steps})` },
        { flags: '--seed [integer]', description: `initial weights, order of the images (default: ${DEFAULTS.seed})` },
        { flags: '--threads [number]', description: 'threads of the engine (default: its own choice)' },
        { flags: '--smoke', description: 'two steps of tiny models on made-up images: a check that everything works' },
      ],
    },
    argv,
  );
  const smoke = line.flag('smoke');
  const request: Request = {
    out: line.text('out') ?? DEFAULTS.out,
    threads: line.number('threads', { minimum: 1 }),
    settings: {
      steps: line.number('steps', { minimum: 1 }) ?? (smoke ? SMOKE.steps : DEFAULTS.steps),
      seed: line.number('seed', { minimum: 0 }) ?? DEFAULTS.seed,
      smoke,
    },
  };
  line.finish();
  return request;
}

await runProgram('table-4', async () => {
  const { out, threads, settings } = readRequest(process.argv.slice(2));
  const results = await openResults(out, settings);
  const engine = await useEngine({ threads });
  console.log(`Engine: ${engine.name}, ${engine.threads} threads`);
  const { train, test } = await openImages(settings);
  const signal = abortOnCtrlC();

  for (const [index, variant] of VARIANTS.entries()) {
    if (results.of(variant)) continue;
    console.log(`${index + 1} of ${VARIANTS.length}: ${variant.name}`);
    const view = showProgress(process.stdout, { show: ['loss', 'l2'] });
    const onStep = view.update.bind(view);
    const trained = await trainVariant(variant, { train, test, settings, signal, onStep }).finally(() => view.stop());
    if (!trained) {
      console.log('Stopped. Start it again to go on with this training.');
      process.exitCode = 130;
      return;
    }
    await results.keep(variant, trained.result, trained.reconstructions);
    const { usage, l2, psnr, seconds } = trained.result;
    console.log(
      `  usage ${(100 * usage).toFixed(1)} %, l2 ${(1000 * l2).toFixed(2)}e-3, ${psnr.toFixed(2)} dB, ${seconds.toFixed(0)} s`,
    );
  }

  console.log(`Results: ${await writePage(out, results, test, settings)}`);
});

/** Training images, and those that every tokenizer is measured on. */
async function openImages({
  smoke,
}: Settings): Promise<{ train: ImageDataset; test: Awaited<ReturnType<typeof readImages>> }> {
  if (smoke) {
    const pixels = randomUniform(foldIn(randomKey(0), 1), SMOKE.images * IMAGE_SIZE ** 2 * 3);
    const images = Uint8Array.from(pixels, (value) => 255 * value);
    const source = openImageArray({ images, height: IMAGE_SIZE, width: IMAGE_SIZE, name: 'noise' });
    return { train: source, test: await readImages(source, { imageSize: IMAGE_SIZE }) };
  }
  const first = Array.from({ length: TEST_IMAGES }, (_, index) => index);
  return {
    train: await openCifar10({ split: 'train' }),
    test: await readImages(subset(await openCifar10({ split: 'test' }), first), { imageSize: IMAGE_SIZE }),
  };
}
