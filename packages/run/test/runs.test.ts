import * as tf from '@tensorflow/tfjs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCodes } from '@vitvq/codes';
import { madeUpImages } from '@vitvq/data';
import { useEngine } from '@vitvq/engine';
import { exportOnnx } from '@vitvq/engine/onnx-export';
import { writePng } from '@vitvq/report';
import { hasEngine } from '@vitvq/test-utils';
import { textTokenizerFromJson, trainTextTokenizer, type ClassConditioner } from '@vitvq/transformers';
import { parse } from 'yaml';
import {
  dataFromText,
  evaluate,
  formatFigures,
  inspect,
  loadGenerator,
  openRun,
  openTrialImages,
  plan,
  probe,
  readRunConfig,
  reconstruct,
  sample,
  silentView,
  tokenize,
  trainRun,
  writeHubFolders,
} from '../src/index.js';

/** What compiles is several times as fast, where it is installed. */
const engine = (await hasEngine('onnx')) ? 'onnx' : 'cpu';

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

/** Writes made-up images as PNG files, a sub-folder for each class. */
async function writePhotos(path: string, { from = 0, classes = true } = {}): Promise<void> {
  const source = madeUpImages({ count: 40, imageSize: 20, from });
  for (let index = 0; index < source.length; index++) {
    const place = join(path, classes ? source.classNames[source.labels[index]!]! : '.');
    await mkdir(place, { recursive: true });
    const image = await source.read(index);
    if (!('pixels' in image)) throw new Error('made-up images are pixels');
    const { pixels: data, width, height } = image;
    await writePng(join(place, `${index}.png`), { data, width, height });
  }
}

const photos = (path: string) => ({ data: { kind: 'folder', path } as const });
const tiny = { perClass: 1 };
const evaluation = { generated: 6 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-runs-'));
  await writePhotos(at('photos'));
  await useEngine({ name: engine });
  const config = await readRunConfig('pipeline-smoke', {
    changes: { engine, samples: tiny, evaluation, probe: { l2: [0.1] } },
    ...photos(at('photos')),
  });
  const lines: string[] = [];
  const { metrics } = await trainRun(config, {
    out: at('run'),
    view: {
      log: (line) => lines.push(line),
      openProgress: () => ({ update: () => undefined, say: (line) => lines.push(line), stop: () => undefined }),
    },
  });
  expect(metrics).toMatchObject({ steps: 6, transformerSteps: 6, heldOutImages: 4 });
  expect(lines.join('\n')).toContain('Stage 6 of 6, evaluation');
  expect(metrics['evaluation']).toMatchObject({
    real: { 'class-accuracy': expect.any(Number) as number, 'frechet-distance': expect.any(Number) as number },
    reconstructed: { psnr: metrics['psnr'] },
    generated: { 'frechet-distance': metrics['frechetProxy'], 'class-accuracy': metrics['classAccuracy'] },
  });
  expect([metrics['frechetProxy'], metrics['classAccuracy']]).toEqual([expect.any(Number), expect.any(Number)]);
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('trainRun', () => {
  it('keeps what is done, wherever the same images lie, and refuses others', async () => {
    await cp(at('photos'), at('moved'), { recursive: true });
    const lines: string[] = [];
    const view = { log: (line: string) => lines.push(line), openProgress: () => expect.fail('nothing is left to do') };
    const changes = { engine, samples: tiny, evaluation, probe: { l2: [0.1] } };
    const moved = await readRunConfig('pipeline-smoke', { changes, ...photos(at('moved')) });
    await trainRun(moved, { out: at('run'), view });
    expect(lines.filter((line) => line.includes('kept from an earlier start'))).toHaveLength(6);

    await writePhotos(at('others'), { from: 1000, classes: false });
    await mkdir(at('others', 'reddish'));
    const others = await readRunConfig('pipeline-smoke', {
      changes: { ...changes, seed: 3, probe: null, evaluation: null, transformer: { condition: { kind: 'none' } } },
      ...photos(at('others')),
    });
    await expect(trainRun(others, { out: at('run') })).rejects.toThrow(/stage tokenizer began with.*seed is 3, was 0/s);
    const same = {
      ...moved,
      data: { ...moved.data, train: { kind: 'folder', path: at('photos', 'reddish') } },
    } as const;
    await expect(trainRun(same, { out: at('run') })).rejects.toThrow(/expected images of two classes or more/);
    // What was refused has changed nothing.
    expect((await openRun(at('run'))).config!.data.train).toMatchObject({ path: at('moved') });
    await rm(at('moved', 'reddish', '0.png'));
    await expect(trainRun(moved, { out: at('run') })).rejects.toThrow(/other ones: data\.train/);
    await cp(at('photos'), at('moved'), { recursive: true });
  });

  it('keeps the stages that a change does not reach, and mixes nothing', async () => {
    const run = at('changed');
    await cp(at('run'), run, { recursive: true });
    const { config } = await openRun(run);
    // A stage that is taken away is made anew, as the config says now.
    for (const name of ['samples', 'evaluation']) {
      await rm(join(run, name), { recursive: true });
      await rm(join(run, `${name}.json`));
    }
    for (const name of ['probe', 'probe.json']) await rm(join(run, name), { recursive: true });
    const changed = { ...config!, samples: { ...config!.samples, perClass: 2 }, evaluation: null };
    const probed = { ...changed, probe: { ...config!.probe, l2: [1] } };
    const { results } = await trainRun(probed, { out: run });
    expect(results.samples!.result.perClass).toBe(2);
    const more = { ...probed, samples: { ...changed.samples, perClass: 3 } };
    await expect(trainRun(more, { out: run })).rejects.toThrow(
      'stage samples began with, got other ones: samples.perClass is 3, was 2',
    );
    // Refused before anything of the old run is deleted.
    const gone = { ...probed, data: { ...probed.data, train: { kind: 'folder', path: at('gone') } } } as const;
    await expect(trainRun(gone, { out: run, fresh: true })).rejects.toThrow();
    expect(await readdir(run)).toContain('metrics.json');
    // A tokenizer alone takes the place of everything.
    const alone = await readRunConfig('quickstart-smoke', {
      changes: {
        engine,
        seed: 1,
        tokenizer: { training: { duration: { steps: 1 }, discriminator: null, losses: { adversarial: 0 } } },
      },
      ...photos(at('photos')),
    });
    const { metrics, report } = await trainRun(alone, { out: run, fresh: true });
    // Without a transformer, reconstructions are what is measured.
    expect(metrics['evaluation']).toMatchObject({
      reconstructed: { 'frechet-distance': metrics['frechetProxy'], 'class-accuracy': metrics['classAccuracy'] },
      generated: {},
    });
    expect(metrics['classAccuracy']).toEqual(expect.any(Number));
    expect(await readFile(report, 'utf8')).toContain('Accuracy of classes (proxy)');
    const left = await readdir(run);
    for (const name of ['transformer', 'codes', 'samples', 'samples.json', 'transformer.json']) {
      expect(left).not.toContain(name);
    }
  });

  it('says before any training what would fail later', async () => {
    const out = at('refused');
    const refusal = async (...set: string[]): Promise<string> =>
      readRunConfig('pipeline-smoke', { changes: { engine }, set, ...photos(at('photos')) })
        .then((config) => trainRun(config, { out }))
        .then(
          () => 'nothing',
          (error: unknown) => (error as Error).message,
        );
    const stacks = 'spatial: { depth: 1, numHeads: 2 }, depth: { depth: 1, numHeads: 2 }';
    expect(await refusal('transformer.model.numHeads=3')).toContain('expected a multiple of numHeads');
    expect(await refusal(`transformer.model={ kind: rq-transformer, dim: 16, ${stacks} }`)).toContain(
      'kind gpt, rar, masked or any-order for tokens of one code',
    );
    expect(await refusal('transformer.training.orderAnnealing={ start: 0.5 }')).toContain(
      'transformer.training.orderAnnealing: expected none for a model that takes no orders; kind rar does, got kind gpt',
    );
    const rotary = 'transformer.model.rotaryConditions=zero';
    expect(await refusal(rotary)).toContain("expected none without positions 'rotary'");
    expect(await refusal('samples.temperature=0')).toContain('samples.temperature is 0');
    expect(await refusal('evaluation.proxy.channels=[10]')).toContain('evaluation.proxy.channels');
    expect(await refusal('evaluation.features=nowhere', 'evaluation.lpips=[none.pth]')).toContain(
      'evaluation.features: nowhere, evaluation.lpips: none.pth',
    );
    expect(await refusal('transformer.condition={ kind: text }')).toContain('images with captions');
    expect((await readdir(out)).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  it('trains a transformer without classes on a tokenizer that exists', async () => {
    await writePhotos(at('plain'), { classes: false });
    const config = await readRunConfig('pipeline-smoke', {
      changes: {
        engine,
        tokenizer: { from: at('run') },
        probe: null,
        samples: { perClass: 2 },
      },
      ...photos(at('plain')),
    });
    const lines: string[] = [];
    const { metrics } = await trainRun(config, {
      out: at('unconditional'),
      view: { ...silentView, log: (line) => lines.push(line) },
    });
    expect(metrics).toMatchObject({ transformerSteps: 6, classAccuracy: null, frechetProxy: null });
    expect(lines.join('\n')).toContain('the images have no classes that a classifier could learn');
    expect(metrics).not.toHaveProperty('psnr');
    const { folders } = await openRun(at('unconditional'));
    expect(folders.tokenizer).toBe(at('run', 'tokenizer', 'model'));
    const { images } = await sample({ run: at('unconditional'), count: 2, out: at('drawn') });
    expect(images.map(({ seed }) => seed)).toEqual([0, 1]);
    const drawn = { run: at('unconditional'), count: 1, out: at('drawn') };
    await expect(sample({ ...drawn, classes: ['reddish'] })).rejects.toThrow('the model draws without classes');
    await expect(sample({ ...drawn, guidanceScale: 2 })).rejects.toThrow('the model draws without conditions');
    // The config of the pipeline asks for guidance, and for candidates.
    expect(lines.join('\n')).toContain('guidance 2.4 is left out');
    expect(lines.join('\n')).toContain('one candidate an image instead of 16');
    await expect(sample({ ...drawn, candidates: 2 })).rejects.toThrow('tells no classes apart');
    await expect(sample({ ...drawn, sureEnough: 0.9 })).rejects.toThrow(
      'sureEnough: expected none: the model tells no',
    );
    const one = { run: at('run'), count: 1, out: at('drawn'), candidates: 1, sureEnough: 0.9 };
    await expect(sample(one)).rejects.toThrow('sureEnough: expected several candidates');
  });
});

describe('a transformer of texts', () => {
  it('learns from captions beside the images, and draws what a text says', async () => {
    await writePhotos(at('told'), { classes: false });
    const names = (await readdir(at('told'))).filter((name) => name.endsWith('.png'));
    for (const name of names) {
      await writeFile(at('told', name.replace('.png', '.txt')), `a picture of colour ${Number.parseInt(name) % 3}\n`);
    }
    const train = { kind: 'folder', path: at('told'), captions: true } as const;
    const config = await readRunConfig('pipeline-smoke', {
      changes: {
        engine,
        tokenizer: { from: at('run') },
        transformer: { condition: { kind: 'text', length: 4, vocabSize: 300 } },
        probe: null,
        evaluation: null,
        samples: { perClass: 1 },
      },
      data: train,
    });
    const { results } = await trainRun(config, { out: at('texts') });
    expect(results.samples!.result.prompts).toHaveLength(4);
    const prompts = ['a picture of colour 2', 'a picture of colour 0'];
    const { images } = await sample({ run: at('texts'), count: 3, out: at('told-images'), prompts });
    expect(images.map(({ prompt }) => prompt)).toEqual([prompts[0], prompts[1], prompts[0]]);
    await expect(sample({ run: at('texts'), count: 1, out: at('x') })).rejects.toThrow(
      'the model draws what texts say',
    );
    const untold = { ...config, data: { ...config.data, train: { ...train, captions: false } } };
    await expect(trainRun(untold, { out: at('untold') })).rejects.toThrow('images with captions');
  });
});

describe.skipIf(!(await hasEngine('onnx')))('a transformer of the vectors of a network', () => {
  /** Writes the towers of a network that knows brightness, and a tokenizer of its texts. */
  async function writeNetwork(): Promise<{ network: string; textNetwork: string; tokenizer: string }> {
    const marks = ['<|startoftext|>', '<|endoftext|>'];
    const trained = trainTextTokenizer(['a picture of colour 0 1 2'], { vocabSize: 300 });
    const vocabSize = textTokenizerFromJson(trained).vocabSize;
    const added = marks.map((content, index) => ({ id: vocabSize + index, content, special: true, normalized: false }));
    const image = await exportOnnx(
      ({ pixels }) => {
        const brightness = tf.mean(tf.reshape(pixels, [pixels.shape[0], 3, 16, 16]), [2, 3]);
        return { image_embeds: tf.concat([brightness, tf.onesLike(tf.slice(brightness, [0, 0], [-1, 1]))], 1) };
      },
      { inputs: { pixels: { shape: ['batch', 3, 16, 16], dtype: 'float32' } } },
    );
    const text = await exportOnnx(
      ({ ids }) => {
        const values = tf.cast(tf.slice(ids, [0, 1], [-1, 4]), 'float32');
        return { text_embeds: tf.add(tf.div(values, 100), 1) };
      },
      { inputs: { ids: { shape: ['batch', 77], dtype: 'int32' } } },
    );
    const files = { network: at('image.onnx'), textNetwork: at('text.onnx'), tokenizer: at('tokenizer.json') };
    await writeFile(files.network, image.bytes);
    await writeFile(files.textNetwork, text.bytes);
    await writeFile(files.tokenizer, JSON.stringify({ ...trained, added_tokens: added }));
    return files;
  }

  it('learns from images, and draws after a picture or a text', async () => {
    const network = await writeNetwork();
    const configOf = (condition: object, data: { kind: 'folder'; path: string; captions?: boolean }) =>
      readRunConfig('pipeline-smoke', {
        changes: {
          engine,
          tokenizer: { from: at('run') },
          transformer: { condition: { kind: 'features', length: 2, ...condition } },
          probe: null,
          samples: { perClass: 1 },
        },
        data,
      });
    const photographs = { kind: 'folder', path: at('photos') } as const;
    const config = await configOf(network, photographs);
    const { results, metrics } = await trainRun(config, { out: at('vectors') });
    expect(results.samples!.result).toMatchObject({ classes: null, prompts: null, liked: 4 });
    expect(metrics['evaluation']).toHaveProperty('generated.frechet-distance');
    expect(await readFile(at('vectors', 'report.html'), 'utf8')).toContain('given a vector of the real image');

    const drawn = { run: at('vectors'), count: 3, seed: 5 };
    const like = await sample({ ...drawn, like: at('photos', 'reddish'), out: at('like') });
    expect(like.images).toHaveLength(3);
    const told = await sample({ ...drawn, prompts: ['a picture'], out: at('told-vectors') });
    expect(told.images.map(({ prompt }) => prompt)).toEqual(['a picture', 'a picture', 'a picture']);
    for (const wrong of [{}, { like: at('photos'), prompts: ['a picture'] }]) {
      await expect(sample({ ...drawn, ...wrong, out: at('x') })).rejects.toThrow('pictures, or texts as prompts');
    }
    await expect(sample({ run: at('run'), count: 1, out: at('x'), like: at('photos') })).rejects.toThrow(
      'the model is not one of vectors of images',
    );

    // The network is part of what the model learned from.
    const other = await exportOnnx(({ pixels }) => ({ image_embeds: tf.mean(pixels, [2, 3]) }), {
      inputs: { pixels: { shape: ['batch', 3, 16, 16], dtype: 'float32' } },
    });
    await writeFile(network.network, other.bytes);
    await expect(sample({ ...drawn, like: at('photos'), out: at('x') })).rejects.toThrow(/numbers of texts/);
  }, 120_000);

  it('learns from captions, and refuses images without', async () => {
    const network = await writeNetwork();
    const train = { kind: 'folder', path: at('told'), captions: true } as const;
    const changes = {
      engine,
      tokenizer: { from: at('run') },
      transformer: { condition: { kind: 'features', of: 'captions', ...network } },
      probe: null,
      evaluation: null,
      samples: { perClass: 1 },
    };
    const config = await readRunConfig('pipeline-smoke', { changes, data: train });
    const { results } = await trainRun(config, { out: at('told-run') });
    expect(results.samples!.result.prompts).toHaveLength(4);
    const untold = await readRunConfig('pipeline-smoke', { changes, data: { ...train, captions: false } });
    await expect(trainRun(untold, { out: at('untold-run') })).rejects.toThrow('images with captions');
    const condition = { kind: 'features', network: at('none.onnx') };
    const missing = { ...changes, transformer: { condition } };
    await expect(
      trainRun(await readRunConfig('pipeline-smoke', { changes: missing, data: train }), { out: at('y') }),
    ).rejects.toThrow(/transformer\.condition\.network: .*none\.onnx/);
  }, 120_000);
});

describe('what is done with a run', () => {
  it('openTrialImages takes what the run held out, also of its images at another place, or other images', async () => {
    const run = await openRun(at('run'));
    const own = (await openTrialImages(run))!;
    expect(own).toMatchObject({ isHeldOut: true, source: { length: 4 } });
    await cp(at('photos'), at('elsewhere'), { recursive: true });
    const moved = (await openTrialImages(run, { data: await dataFromText(at('elsewhere')) }))!;
    expect(moved).toMatchObject({ isHeldOut: true, source: { identity: own.source.identity } });

    await writePhotos(at('strangers'), { from: 500, classes: false });
    await writeFile(at('strangers', 'torn.png'), 'no picture');
    const lines: string[] = [];
    const view = { log: (line: string) => lines.push(line), openProgress: () => expect.fail('nothing takes long') };
    const others = (await openTrialImages(run, { data: await dataFromText(at('strangers')), view }))!;
    expect(others).toMatchObject({ isHeldOut: false, source: { length: 40 } });
    expect(lines).toEqual([expect.stringContaining('left out torn.png')]);
    const model = await openRun(at('run', 'tokenizer', 'model'));
    expect(await openTrialImages(model)).toBeUndefined();
  });

  it('tokenize writes shards that the transformers read', async () => {
    const data = await dataFromText(at('photos'));
    const { images, grid } = await tokenize({ run: at('run'), data, out: at('codes'), views: 2 });
    expect({ images, grid }).toEqual({ images: 40, grid: [4, 4] });
    const codes = await openCodes(at('codes'));
    expect([codes.length, codes.views, codes.vocabSize]).toEqual([40, 2, 32]);
    await codes.close();
    const { kind, facts } = await inspect(at('codes'));
    expect(kind).toBe('codes');
    expect(Object.fromEntries(facts)).toMatchObject({ Images: '40 in 2 views', Labels: '3 different ones' });
  });

  it('sample draws the same image from the same seed, of the classes that are asked for', async () => {
    const options = { run: at('run'), classes: ['bluish', '2'], seed: 7 };
    const { images, grid } = await sample({ ...options, count: 3, out: at('samples') });
    expect(images.map(({ class: name }) => name)).toEqual(['bluish', 'reddish', 'bluish']);
    expect((await readdir(at('samples'))).sort()).toEqual(['0.png', '1.png', '2.png', 'grid.png', 'samples.json']);
    expect(grid).toBe(at('samples', 'grid.png'));
    await sample({ ...options, count: 1, out: at('again'), npz: at('again.npz') });
    // 16 x 16 pixels of three bytes, behind the header of the array.
    expect((await readFile(at('again.npz'))).length).toBeGreaterThan(16 * 16 * 3);
    expect(await readFile(at('again', '0.png'))).toEqual(await readFile(at('samples', '0.png')));
    await expect(sample({ run: at('run'), count: 1, out: at('x'), classes: ['green'] })).rejects.toThrow(
      "the model's 3 classes: bluish, greenish, reddish, got green",
    );
  });

  it('reconstruct writes what comes out, and each image beside it', async () => {
    const data = await dataFromText(at('photos'));
    const { images, psnr } = await reconstruct({ run: at('run'), data, out: at('back'), count: 3 });
    expect(images).toBe(3);
    expect(psnr).toBeGreaterThan(5);
    expect((await readdir(at('back'))).sort()).toEqual(['0.png', '1.png', '2.png', 'comparison.png']);
  });

  it('probe measures every block, with its baselines', async () => {
    const { blocks, samples, attention } = await probe({
      run: at('run'),
      data: await dataFromText(at('photos')),
      attention: true,
    });
    expect(attention!.top1).toBeGreaterThanOrEqual(0);
    for (const { nearestTop1 } of blocks) expect(nearestTop1).toBeGreaterThanOrEqual(0);
    expect(blocks.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['tokenizer', 'model', 'pixels', 'untrained']),
    );
    expect(samples.test).toBe(8);
    await expect(probe({ run: at('run'), data: await dataFromText(at('photos', 'reddish')) })).rejects.toThrow(
      'images of two classes or more',
    );
  });

  it('evaluate gives a card for each figure, with the proxy of the run', async () => {
    // A proxy that is there needs the run's images no more.
    await rename(at('moved'), at('away'));
    const { cards } = await evaluate({
      run: at('run'),
      data: await dataFromText('{ kind: made-up, count: 12, from: 900 }'),
      features: 'proxy',
      generated: 6,
    });
    await rename(at('away'), at('moved'));
    const figures = cards.map(({ subject, metric }) => `${subject} ${metric}`);
    for (const name of ['psnr', 'ssim', 'frechet-distance', 'class-accuracy', 'codebook-usage']) {
      expect(figures).toContain(`reconstructed ${name}`);
    }
    expect(figures).toContain('generated frechet-distance');
    for (const { metric, floor, extractor } of cards) {
      if (metric === 'frechet-distance') expect([floor?.images, extractor?.isProxy]).toEqual([[6, 6], true]);
    }
    expect(formatFigures(cards)).toMatch(/^Reconstructed images\n.*\n\nGenerated images\nFréchet distance \(proxy\)/s);
    await expect(
      evaluate({ run: at('run', 'tokenizer', 'model'), data: { kind: 'made-up', count: 4 }, features: 'proxy' }),
    ).rejects.toThrow('a run whose training images have classes');
    const nothingToCompare = evaluate({ run: at('run'), data: { kind: 'made-up', count: 4 }, generated: 6 });
    await expect(nothingToCompare).rejects.toThrow('expected features to compare generated images with real ones by');
  });

  it('inspect says what a run, a model, checkpoints and a file hold', async () => {
    const run = await inspect(at('run'));
    expect(run.kind).toBe('run');
    expect(Object.fromEntries(run.facts)).toMatchObject({
      State: 'done',
      'Stage probe': 'done',
      'tokenizer: Type': 'vq-tokenizer',
    });
    const model = await inspect(at('run', 'transformer', 'model'));
    expect(Object.fromEntries(model.facts)).toMatchObject({ Type: 'gpt' });
    const file = await inspect(at('run', 'tokenizer', 'model', 'model.safetensors'));
    expect(file.tensors!.length).toBeGreaterThan(10);
    const checkpoints = await inspect(at('run', 'tokenizer'));
    expect(Object.fromEntries(checkpoints.facts)).toMatchObject({ 'Steps done': '6' });
    await expect(inspect(at('photos'))).rejects.toThrow('a run, a model folder');
    await expect(inspect(at('none'))).rejects.toThrow('got nothing');
  });

  it('a run can go to a hub: folders with cards, from which a generator is loaded', async () => {
    const written = await writeHubFolders({ run: at('run'), out: at('hub'), name: 'me/tiny' });
    expect(written.map(({ name }) => name)).toEqual(['me/tiny-tokenizer', 'me/tiny']);
    const card = await readFile(at('hub', 'tokenizer', 'README.md'), 'utf8');
    const [, header] = card.split('---');
    const { psnr } = JSON.parse(await readFile(at('run', 'metrics.json'), 'utf8')) as { psnr: number };
    expect(parse(header!)).toMatchObject({
      'model-index': [{ name: 'me/tiny-tokenizer', results: [{ metrics: [{ type: 'psnr', value: psnr }, {}, {}] }] }],
    });
    const { generator, conditioner, dispose } = await loadGenerator(at('hub', 'transformer'), {
      tokenizer: at('hub', 'tokenizer'),
    });
    expect((conditioner as ClassConditioner).classNames).toEqual(['bluish', 'greenish', 'reddish']);
    const { images } = await generator.generate({
      conditions: (conditioner as ClassConditioner).encode([0]),
      seeds: [3],
    });
    expect(images.shape).toEqual([1, 16, 16, 3]);
    dispose();
    // The name of the tokenizer lies in the transformer's metadata; here there is no hub to ask.
    await rm(at('run-2'), { recursive: true, force: true });
    await cp(at('run', 'transformer', 'model'), at('run-2'), { recursive: true });
    await expect(loadGenerator(at('run-2'))).rejects.toThrow('metadata that name the tokenizer');
  });

  it('plan measures both trainings before the run, and finds a smaller schedule', async () => {
    const set = ['tokenizer.training.duration.steps=1000000'];
    const config = await readRunConfig('pipeline-smoke', { set });
    const [tokenizer, transformer] = await plan(config, { hours: 0.1, measuredSteps: 1, classCount: 3 });
    expect(tokenizer).toMatchObject({ stage: 'tokenizer', parameters: 33550, steps: 1_000_000, batchSize: 8 });
    expect(tokenizer!.secondsPerStep).toBeGreaterThan(0);
    expect(tokenizer!.smaller!.steps).toBeLessThan(1_000_000);
    expect(tokenizer!.audit).toContain(engine);
    expect(transformer).toMatchObject({ stage: 'transformer', parameters: 7984, smaller: undefined });
    // A transformer whose tokenizer is yet to be trained.
    const later = await readRunConfig('pipeline-smoke', { changes: { tokenizer: { from: at('later') } } });
    const options = { measuredSteps: 0, classCount: 3 };
    await expect(plan(later, options)).rejects.toThrow(at('later'));
    expect(await plan(later, { ...options, tokenizerOf: config })).toMatchObject([{ parameters: 7984 }]);
  });
});

describe('dataFromText', () => {
  it('takes a folder, CIFAR-10, a config and a file with one', async () => {
    expect(await dataFromText(at('photos'))).toMatchObject({ kind: 'folder', path: at('photos') });
    expect(await dataFromText('cifar10')).toMatchObject({ kind: 'cifar10', split: 'test' });
    expect(await dataFromText('cifar10', 'train')).toMatchObject({ split: 'train' });
    expect(await dataFromText('cifar10:train')).toMatchObject({ split: 'train' });
    expect(await dataFromText('{ kind: made-up, count: 3 }')).toMatchObject({ kind: 'made-up', count: 3 });
    await writeFile(at('source.yaml'), 'kind: made-up\ncount: 4');
    expect(await dataFromText(at('source.yaml'))).toMatchObject({ count: 4 });
    await expect(dataFromText(at('nothing'))).rejects.toThrow('a folder of images, cifar10');
    await expect(dataFromText('cifar10:all')).rejects.toThrow('split');
    await expect(dataFromText('{ kind: foldr }')).rejects.toThrow('kind');
  });
});
