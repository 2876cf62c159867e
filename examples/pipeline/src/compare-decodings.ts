/**
 * Trains a masked and an any-order transformer on the codes of a run of the pipeline, and compares
 * how fast they and the run's GPT draw images, and how good these are, in steps of different sizes.
 *
 *   npm run pipeline
 *   npm run compare-decodings -- --run runs/pipeline
 */
import '@tensorflow/tfjs';
import { join } from 'node:path';
import { mean, type ImageBatch } from '@vitvq/core';
import { createBatches } from '@vitvq/data';
import { evaluateImages, loadProxyClassifier, type ProxyClassifier } from '@vitvq/evaluation';
import { commonOptions, readOptions, runProgram, startEngine, terminalView } from '@vitvq/example-shared';
import {
  abortOnCtrlC,
  openRun,
  openRunImages,
  loadGenerator,
  readRunConfig,
  trainRun,
  type RunImages,
} from '@vitvq/run';
import type { Decoding, GenerateOptions } from '@vitvq/sampling';
import type { ClassConditioner } from '@vitvq/transformers';

/** Images that are drawn at once, and how often that is timed. */
const timing = { batches: [1, 16], times: 3 } as const;

/** Ways of decoding, by the kind of the transformer. */
const decodings: Record<'gpt' | 'masked' | 'any-order', readonly (Decoding | undefined)[]> = {
  gpt: [undefined],
  masked: [{ steps: 8 }, { steps: 8, choice: 'halton' }, { steps: 16 }, { steps: 32 }],
  'any-order': [1, 2, 4, 8].map((tokensPerStep) => ({ tokensPerStep, order: 'halton' })),
};

interface Settings {
  /** Folder of the tokenizer that all transformers have in common. */
  readonly tokenizer: string;
  /** How tokens are drawn beside the decoding. */
  readonly choices: Pick<GenerateOptions, 'topK' | 'temperature'> & { readonly guidanceScale: number | undefined };
}

/** Draws images of every class in turn, batch by batch. */
async function* drawn(
  { generator, conditioner }: Awaited<ReturnType<typeof loadGenerator>>,
  decoding: Decoding | undefined,
  count: number,
  settings: Settings,
): AsyncGenerator<ImageBatch, void> {
  const { classCount } = conditioner as ClassConditioner;
  for (let start = 0; start < count; start += 16) {
    const seeds = Array.from({ length: Math.min(16, count - start) }, (_, index) => start + index);
    const labels = Int32Array.from(seeds, (seed) => seed % classCount);
    const { images } = await generator.generate({ ...settings.choices, decoding, seeds, conditions: labels });
    yield { images: images.data, shape: images.shape, labels };
  }
}

/** Returns the images a second that are drawn in batches of a size, tokens alone. */
async function speedOf(source: string, decoding: Decoding | undefined, batchSize: number, settings: Settings) {
  const models = await loadGenerator(source, { batchSize, tokenizer: settings.tokenizer });
  const seeds = Array.from({ length: batchSize }, (_, index) => index);
  const conditions = new Int32Array(batchSize);
  const seconds: number[] = [];
  for (let time = 0; time <= timing.times; time++) {
    const started = performance.now();
    await models.generator.sample({ ...settings.choices, decoding, seeds, conditions });
    if (time > 0) seconds.push((performance.now() - started) / 1000); // the first call compiles
  }
  models.dispose();
  return batchSize / mean(Float64Array.from(seconds));
}

/** Returns Fréchet distance and class accuracy of drawn images by the run's own classifier. */
async function qualityOf(
  source: string,
  decoding: Decoding | undefined,
  count: number,
  settings: Settings,
  real: RunImages['validation'],
  extractor: ProxyClassifier,
) {
  const models = await loadGenerator(source, { batchSize: 16, tokenizer: settings.tokenizer });
  const imageSize = models.tokenizer.imageSize!;
  const cards = await evaluateImages({
    real: () => createBatches(real, { batchSize: 50, imageSize, lastBatch: 'partial', epochs: 1 }),
    generated: () => drawn(models, decoding, count, settings),
    extractor,
    metrics: ['frechet-distance', 'class-accuracy'],
    seed: 0,
    guidance: settings.choices.guidanceScale ?? null,
  }).finally(() => {
    models.dispose();
  });
  const [distance, accuracy] = ['frechet', 'accuracy'].map(
    (name) => cards.find(({ metric }) => metric.toLowerCase().includes(name))?.value ?? NaN,
  );
  return { distance: distance!, accuracy: accuracy! };
}

await runProgram('compare-decodings', async () => {
  const {
    run: source,
    minutes,
    steps,
    count,
    out,
    guidance,
    temperature,
    ...options
  } = readOptions({
    name: 'compare-decodings',
    description: 'Compares raster, masked and any-order sampling on the codes of a run of the pipeline.',
    options: {
      run: { kind: 'text', value: 'folder', default: 'runs/pipeline', help: 'a run of npm run pipeline' },
      minutes: { kind: 'number', minimum: 0.1, default: 6, help: 'training of each of the two transformers' },
      steps: { kind: 'integer', minimum: 1, help: 'steps of each training, in place of minutes' },
      guidance: { kind: 'number', minimum: 0, help: 'of the two transformers (default: that of the run)' },
      temperature: { kind: 'number', minimum: 0.01, help: 'of the two transformers (default: that of the run)' },
      count: { kind: 'integer', minimum: 2, default: 1000, help: 'images that are measured' },
      out: { kind: 'text', value: 'folder', default: 'runs/decodings', help: 'where the two runs are written' },
      ...commonOptions,
    },
  });
  await startEngine(options);
  const run = await openRun(source);
  const { samples } = run.config!;
  const tokenizer = run.folders.tokenizer!;
  const ofRun = {
    guidanceScale: samples.guidanceScale ?? undefined,
    topK: samples.topK ?? undefined,
    temperature: samples.temperature,
  };
  const ofTrained = {
    ...ofRun,
    guidanceScale: guidance ?? ofRun.guidanceScale,
    temperature: temperature ?? ofRun.temperature,
  };
  const sources: Record<string, string> = { gpt: source };
  for (const kind of ['masked', 'any-order'] as const) {
    const folder = join(out, kind);
    const config = await readRunConfig('pipeline', {
      set: [
        `tokenizer={from: ${source}}`,
        `transformer.model={kind: ${kind}, dim: 128, depth: 6, numHeads: 4}`,
        `transformer.training.duration=${steps === undefined ? `{minutes: ${minutes}}` : `{steps: ${steps}}`}`,
        'probe=null',
        'evaluation=null',
      ],
    });
    await trainRun(config, { out: folder, view: terminalView, signal: abortOnCtrlC(folder) });
    sources[kind] = folder;
  }
  const { validation } = await openRunImages({ ...run.config!, probe: null }, terminalView);
  const extractor = await loadProxyClassifier(join(run.path, 'proxy.safetensors'));
  console.log(
    '| Transformer | Decoding | Images a second, one at a time | in batches of 16 | Fréchet distance (proxy) | class accuracy |',
  );
  console.log('| --- | --- | --- | --- | --- | --- |');
  let ofRaster: readonly number[] = [];
  for (const [kind, ways] of Object.entries(decodings)) {
    const settings: Settings = { tokenizer, choices: kind === 'gpt' ? ofRun : ofTrained };
    for (const decoding of ways) {
      const speeds = [];
      for (const batchSize of timing.batches) speeds.push(await speedOf(sources[kind]!, decoding, batchSize, settings));
      if (decoding === undefined) ofRaster = speeds;
      const { distance, accuracy } = await qualityOf(sources[kind]!, decoding, count, settings, validation, extractor);
      const cells = [
        kind,
        decoding
          ? Object.entries(decoding)
              .map((entry) => entry.join(' '))
              .join(', ')
          : 'raster',
        ...speeds.map((speed, index) => `${speed.toFixed(1)} (${(speed / ofRaster[index]!).toFixed(1)} times)`),
        distance.toFixed(2),
        `${(100 * accuracy).toFixed(1)} %`,
      ];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
  extractor.dispose();
});
