import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  QUICKSTART_BATCH_SIZE,
  QUICKSTART_TRAINING,
  VIT_VQGAN_BATCH_SIZE,
  VIT_VQGAN_TRAINING,
} from '@vitvq/stage1-trainer';
import { VIM_BATCH_SIZE, VIM_TRAINING } from '@vitvq/stage2-trainer';
import { QUICKSTART, VIT_VQGAN_BASE, VIT_VQGAN_LARGE, VIT_VQGAN_SMALL } from '@vitvq/tokenizer';
import { VIM_BASE, VIM_LARGE } from '@vitvq/transformers';
import {
  formatRunConfig,
  isOfClassifier,
  readAnyRunConfig,
  readRunConfig,
  resolveClassifierRunConfig,
  resolveRunConfig,
  runJsonSchema,
} from '../src/index.js';

const configs = fileURLToPath(new URL('../../../configs', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-config-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = async (name: string, text: string): Promise<string> => {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
};

const trained = (config: Awaited<ReturnType<typeof readRunConfig>>) => {
  if ('from' in config.tokenizer) throw new Error('expected a tokenizer that is trained');
  return config.tokenizer;
};

describe('configs that are shipped', () => {
  it('are whole, and each a run', async () => {
    const names = (await readdir(configs, { recursive: true })).filter((name) => name.endsWith('.yaml'));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      // Configs that are only laid over others.
      if (['l2.yaml', 'kl.yaml'].includes(basename(name))) continue;
      const config = await readAnyRunConfig(join(configs, name));
      const resolved = isOfClassifier(config) ? resolveClassifierRunConfig(config) : resolveRunConfig(config);
      expect(resolved, name).toEqual(config);
    }
  });

  it.each([
    ['small', VIT_VQGAN_SMALL],
    ['base', VIT_VQGAN_BASE],
    ['large', VIT_VQGAN_LARGE],
  ])('hold the settings of the paper: tokenizer %s', async (name, preset) => {
    const { model, training } = trained(await readRunConfig(`paper/imagenet-vit-vqgan-${name}`));
    expect(model).toMatchObject({ ...preset, output: 'logit-laplace' });
    const { duration, learningRate, optimizer, clipNorm, losses, codebook } = VIT_VQGAN_TRAINING;
    expect(training).toMatchObject({ duration, learningRate, optimizer, clipNorm, losses, codebook });
    expect(training.discriminator).toMatchObject(VIT_VQGAN_TRAINING.discriminator);
    expect(training.batchSize).toBe(VIT_VQGAN_BATCH_SIZE);
  });

  it.each([
    ['base', VIM_BASE],
    ['large', VIM_LARGE],
  ])('hold the settings of the paper: VIM-%s', async (name, preset) => {
    const { model, training } = (await readRunConfig(`paper/imagenet-vim-${name}`)).transformer!;
    expect(model).toEqual({ kind: 'gpt', ...preset });
    const { duration, learningRate, optimizer, clipNorm } = VIM_TRAINING;
    expect(training).toMatchObject({ duration, learningRate, optimizer, clipNorm });
    expect(training.batchSize).toBe(VIM_BATCH_SIZE);
  });

  it('are found by name, and the quickstart is the preset of that name with two codes a token', async () => {
    const { model, training } = trained(await readRunConfig('quickstart'));
    const { quantizer, decoder } = QUICKSTART;
    const pixels = { kind: 'convolutional', depth: 3, activation: 'relu' };
    const residual = { kind: 'residual', codeDepth: 2, codebooks: 'separate' };
    expect(model).toEqual({
      ...QUICKSTART,
      decoder: { ...decoder, pixels },
      quantizer: { ...residual, quantizer: { ...quantizer, normalize: false } },
    });
    const ofPipeline = trained(await readRunConfig('pipeline')).model;
    expect(ofPipeline).toEqual({ ...QUICKSTART, decoder: { ...decoder, pixels } });
    const { duration, learningRate, clipNorm, codebook, optimizer } = QUICKSTART_TRAINING;
    expect(training).toMatchObject({ duration, learningRate, clipNorm, codebook, optimizer });
    expect(training.batchSize).toBe(QUICKSTART_BATCH_SIZE);
    await expect(readRunConfig('quickstat')).rejects.toThrow('or the name of one that is shipped');
  });
});

describe('readRunConfig', () => {
  it('reads YAML, JSON and TypeScript alike', async () => {
    const config = await readRunConfig('quickstart-smoke');
    const files = [
      await write('c.yaml', 'extends: quickstart-smoke'),
      await write('c.yml', formatRunConfig(config)),
      await write('c.json', JSON.stringify({ extends: ['quickstart-smoke'] })),
      await write('c.ts', "const name: string = 'quickstart-smoke';\nexport default { extends: name };"),
    ];
    for (const file of files) expect(await readRunConfig(file), file).toEqual(config);
  });

  it('lays configs over those that they extend, relative to themselves', async () => {
    await write('base.yaml', 'extends: quickstart\nseed: 5\ntokenizer: { training: { batchSize: 3 } }');
    const file = await write('mine.yaml', 'extends: ./base.yaml\ntokenizer: { training: { duration: { steps: 7 } } }');
    const config = await readRunConfig(file, { changes: { title: 'Mine' } });
    expect(config).toMatchObject({ title: 'Mine', seed: 5 });
    expect(trained(config).training).toMatchObject({ batchSize: 3, duration: { steps: 7 } });
  });

  it('names a file that extends itself, is no object, or is not what its name says', async () => {
    const loop = await write('loop.yaml', 'extends: ./loop.yaml');
    await expect(readRunConfig(loop)).rejects.toThrow('configs that do not extend themselves');
    const list = await write('list.yaml', '- 1');
    await expect(readRunConfig(list)).rejects.toThrow('an object with the config of a run');
    const broken = await write('broken.yaml', 'data: { train: [');
    await expect(readRunConfig(broken)).rejects.toThrow(/broken\.yaml.*YAML or JSON.*line 1/s);
    const failing = await write('failing.ts', "throw new Error('on purpose');");
    await expect(readRunConfig(failing)).rejects.toThrow(/failing\.ts.*on purpose/s);
    const text = await write('text.txt', 'x');
    await expect(readRunConfig(text)).rejects.toThrow('.txt');
    await expect(readRunConfig(join(folder, 'none.yaml'))).rejects.toThrow('none.yaml');
  });

  it('sets fields, in the one stage that has them', async () => {
    const set = [
      'training.batchSize=64',
      'seed=3',
      'data.train={ kind: folder, path: photos }',
      'training.clipNorm=null',
    ];
    const config = await readRunConfig('quickstart', { set });
    expect(config).toMatchObject({ seed: 3, data: { train: { kind: 'folder', path: 'photos' } } });
    expect(trained(config).training).toMatchObject({ batchSize: 64, clipNorm: null });
    // Only the transformer's config has this field.
    const pipeline = await readRunConfig('pipeline', { set: ['training.conditionDropRate=0.5'] });
    expect(pipeline.transformer!.training.conditionDropRate).toBe(0.5);
    await expect(readRunConfig('pipeline', { set: ['training.batchSize=64'] })).rejects.toThrow(
      'expected tokenizer.training.batchSize or transformer.training.batchSize',
    );
    for (const wrong of ['seed', '=3', 'a..b=1']) {
      await expect(readRunConfig('quickstart', { set: [wrong] })).rejects.toThrow('path=value');
    }
  });

  it('takes a mesh, and batches that can be cut into equal parts', async () => {
    const { mesh } = await readRunConfig('quickstart', { set: ['mesh.data=4', 'mesh.weights=sharded'] });
    expect(mesh).toEqual({ data: 4, model: 1, weights: 'sharded' });
    const uneven = ['mesh.data=3', 'tokenizer.training.batchSize=16', 'tokenizer.training.accumulate=2'];
    await expect(readRunConfig('quickstart', { set: uneven })).rejects.toThrow(
      'tokenizer.training.batchSize is 16: expected a multiple of 6 (3 devices of mesh.data x 2 micro-batches), such as 18',
    );
    const classifier = ['mesh.data=5', 'classifier.training.batchSize=32'];
    await expect(readAnyRunConfig('classifier', { set: classifier })).rejects.toThrow(
      'classifier.training.batchSize is 32: expected a multiple of 5 (5 devices of mesh.data), such as 35',
    );
  });

  it('names every problem at once, with the nearest right name', async () => {
    const set = [
      'sed=1',
      'data.train.kind=folder',
      'training.losses.perceptul=1',
      'tokenizer.model.quantizer.kind=vectr',
    ];
    const text = await readRunConfig('quickstart', { set }).then(
      () => '',
      (error: unknown) => (error as Error).message,
    );
    for (const problem of [
      'unknown option "sed"',
      'data.train.path is undefined',
      '"tokenizer.training.losses.perceptul" (did you mean "perceptual"?)',
      'tokenizer.model.quantizer.kind is "vectr"',
    ]) {
      expect(text).toContain(problem);
    }
  });

  it('refuses a probe without a transformer', async () => {
    await expect(readRunConfig('quickstart', { set: ['probe={}'] })).rejects.toThrow('a transformer beside a probe');
  });
});

describe('runJsonSchema', () => {
  it('knows every field that the shipped configs have', async () => {
    const schema = JSON.stringify(runJsonSchema());
    for (const name of ['extends', 'learningRateScale', 'rq-transformer', 'guidanceScale', 'made-up', 'keptForProbe']) {
      expect(schema).toContain(`"${name}"`);
    }
    expect(schema).not.toContain('"required"');
    expect(await readFile(join(configs, 'quickstart.yaml'), 'utf8')).toContain('title:');
  });
});
