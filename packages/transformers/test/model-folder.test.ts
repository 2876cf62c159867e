import '@tensorflow/tfjs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findModelFolders, readSafetensors, variableTensors, writeModel, writeSafetensors } from '@vitvq/checkpoint';
import { CodeConditioner } from '@vitvq/codes';
import { ConfigError, DataError, randomKey, ShapeError } from '@vitvq/core';
import {
  shake,
  tinyAnyOrder,
  bertBlocks,
  tinyMasked,
  tinyRAR,
  tinyRQ,
  tokensOf,
  brightnessTokenizer,
  classGPT,
} from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import {
  ClassConditioner,
  GPT,
  TextConditioner,
  textTokenizerFromJson,
  trainTextTokenizer,
  Unconditional,
  isAnyOrder,
  isMasked,
  type AnyTransformer,
  type Conditioner,
  type GPTOptions,
} from '../src/index.js';
import { loadTransformer, saveTransformer } from '../src/node/model-folder.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-model-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const texts = ['a red car', 'a blue car on a red road'];
const tokenizer = textTokenizerFromJson(trainTextTokenizer(texts, { vocabSize: 270 }));
const text = (): TextConditioner => new TextConditioner({ tokenizer, length: 3, textOf: () => texts[0]! });
const classes = new ClassConditioner({ classCount: 3, classNames: ['car', 'ship', 'plane'] });

/** Every option other than its default. */
const unusual = {
  positions: 'grid',
  mlpDim: 20,
  useMlpBias: false,
  useAttentionBias: false,
  useTimeMixing: false,
  activation: 'gelu',
  dropout: { residual: 0.1, attention: 0.2 },
} as const satisfies Partial<GPTOptions>;

const modern = {
  positions: 'rotary',
  rotaryConditions: 'zero',
  norm: 'rms',
  normEpsilon: 1e-6,
  feedForward: 'swiglu',
  queryKeyNorm: 'rms',
} as const satisfies Partial<GPTOptions>;

const cases: [string, () => AnyTransformer, Conditioner][] = [
  ['a GPT with classes', () => shake(classGPT()), classes],
  ['a GPT with other options', () => shake(classGPT(unusual)), new ClassConditioner({ classCount: 3 })],
  ['a GPT of modern blocks', () => shake(classGPT(modern)), new ClassConditioner({ classCount: 3 })],
  ['a GPT without conditions', () => shake(classGPT({ conditionVocabSize: 1 })), new Unconditional()],
  ['a GPT with texts', () => shake(classGPT({ conditionVocabSize: text().vocabSize, conditionLength: 3 })), text()],
  [
    'an RQTransformer',
    () => tinyRQ({ ...unusual, conditionLength: 1, conditionVocabSize: 4 }),
    new ClassConditioner({ classCount: 3 }),
  ],
  ['a MaskedTransformer', () => tinyMasked({ conditionLength: 1, conditionVocabSize: 4 }), classes],
  [
    "a MaskedTransformer with BERT's blocks",
    () => tinyMasked({ ...bertBlocks, conditionLength: 1, conditionVocabSize: 4 }),
    classes,
  ],
  ['an AnyOrderTransformer', () => tinyAnyOrder({ conditionLength: 1, conditionVocabSize: 4 }), classes],
  [
    'a RAR',
    () => tinyRAR({ conditionVocabSize: 4, mlpDim: 20, dropout: { residual: 0.1 } }),
    new ClassConditioner({ classCount: 3 }),
  ],
];

/** Logits of a model of any kind, where half of the tokens are known. */
function logitsOf(model: AnyTransformer, conditions: tf.Tensor2D, tokens: tf.Tensor): tf.Tensor {
  if (!isMasked(model) && !isAnyOrder(model)) return (model as GPT).logits(conditions, tokens as tf.Tensor2D);
  const order = tokensOf<tf.Rank.R2>(tokens.shape, 2, 3);
  if (isMasked(model)) return model.maskedLogits(conditions, tokens as tf.Tensor2D, order);
  return model.orderedLogits(conditions, tokens as tf.Tensor2D, { rank: order, known: order });
}

describe.each(cases)('the folder of %s', (_, create, conditioner) => {
  it('gives model and conditioner again, bit for bit', async () => {
    const model = create();
    const { vocabSize, grid, codeDepth, conditionLength, conditionVocabSize } = model;
    await saveTransformer(folder, model, conditioner, { metadata: { licence: 'MIT' } });
    expect((await findModelFolders(folder)).transformer).toBe(folder);
    const loaded = await loadTransformer(folder);
    expect(loaded.model.constructor).toBe(model.constructor);
    expect(loaded.model.config).toEqual(model.config);
    expect(loaded.metadata).toEqual({ licence: 'MIT' });
    expect(loaded.conditioner.constructor).toBe(conditioner.constructor);
    expect(loaded.conditioner.description).toEqual(conditioner.description);
    expect(loaded.conditioner.config).toEqual(conditioner.config);
    const positions = grid[0] * grid[1];
    const shape = codeDepth === 1 ? [2, positions] : [2, positions, codeDepth];
    const conditions = tokensOf<tf.Rank.R2>([2, conditionLength], conditionVocabSize!, 1);
    const logits = (of: AnyTransformer): tf.Tensor => logitsOf(of, conditions, tokensOf(shape, vocabSize, 2));
    expect([...logits(loaded.model).dataSync()]).toEqual([...logits(model).dataSync()]);
  });
});

describe('loadTransformer', () => {
  it('takes a folder of before norms and feed-forward parts could be chosen', async () => {
    const model = classGPT();
    const { norm: _, normPlacement: __, normEpsilon: ___, feedForward: ____, ...old } = model.config;
    const config = { model: old, conditioner: classes.config };
    await writeModel(folder, { type: 'gpt', config }, variableTensors(model.namedVariables()));
    expect((await loadTransformer(folder)).model.config).toEqual(model.config);
  });

  it('takes a folder of a masked model of before its head could be chosen', async () => {
    const model = tinyMasked({ conditionLength: 1, conditionVocabSize: 4 });
    const { normPlacement: _, head: __, ...old } = model.config;
    const config = { model: old, conditioner: classes.config };
    await writeModel(folder, { type: 'masked', config }, variableTensors(model.namedVariables()));
    expect((await loadTransformer(folder)).model.config).toEqual(model.config);
  });

  it('gives a conditioner that encodes as the one that was saved', async () => {
    const saved = text();
    const model = classGPT({ conditionVocabSize: saved.vocabSize, conditionLength: saved.length });
    await saveTransformer(folder, model, saved);
    const { conditioner } = await loadTransformer(folder);
    const loaded = conditioner as TextConditioner;
    expect(loaded.encode(['a blue car', 'Straße'])).toEqual(saved.encode(['a blue car', 'Straße']));
    const batch = { tokens: new Int32Array(6), shape: [1, 6], labels: Int32Array.of(0) };
    expect(() => loaded.ofBatch(batch)).toThrow(/textOf.*Make the conditioner with one/);
    // One with texts of images takes its place.
    expect((await loadTransformer(folder, { conditioner: saved })).conditioner).toBe(saved);
  });

  it('is given what a folder does not hold', async () => {
    const codes = (): CodeConditioner => new CodeConditioner({ tokenizer: brightnessTokenizer() });
    const model = classGPT({ conditionVocabSize: 7, conditionLength: 6 });
    await saveTransformer(folder, model, codes());
    await expect(loadTransformer(folder)).rejects.toThrow(/"kind":"codes".*loadTransformer\(folder, { conditioner }\)/);
    const conditioner = codes();
    expect((await loadTransformer(folder, { conditioner })).conditioner).toBe(conditioner);
    const others = new CodeConditioner({ tokenizer: brightnessTokenizer(), reduceBy: 2 });
    await expect(loadTransformer(folder, { conditioner: others })).rejects.toThrow(/"reduceBy":1.*got .*"reduceBy":2/);
  });

  it('refuses another conditioner than the one of the folder', async () => {
    await saveTransformer(folder, classGPT(), classes);
    const conditioner = new ClassConditioner({ classCount: 2 });
    await expect(loadTransformer(folder, { conditioner })).rejects.toThrow(/"classCount":3.*got .*"classCount":2/);
    expect((await loadTransformer(folder, { conditioner: classes })).conditioner).toBe(classes);
  });

  it('says all that is wrong with a configuration', async () => {
    const model = classGPT();
    const config = {
      model: { ...model.config, vocabSize: 0, activation: 'swish', surprise: 1 },
      conditioner: { kind: 'class', classCount: 3, classNames: ['one'] },
    };
    await writeModel(folder, { type: 'gpt', config }, variableTensors(model.namedVariables()));
    const failure = loadTransformer(folder);
    await expect(failure).rejects.toThrow(ConfigError);
    await expect(failure).rejects.toThrow(
      /config\.json.*4 problems: .*model\.vocabSize is 0.*model\.activation is "swish".*model\.surprise.*classNames/,
    );
  });

  it.each([
    [{ vocabSize: 2 ** 32 + 1 }, /model\.vocabSize is 4294967297: expected an integer of at most 2147483647/],
    [{ dim: 15 }, /model\.dim is 15: expected a multiple of numHeads/],
    [{ conditionLength: 2 }, /1 condition token\(s\) for conditionLength 2/],
    [{ conditionVocabSize: undefined }, /a model without a conditionVocabSize/],
  ])('refuses a configuration with %j', async (changes, message) => {
    const model = classGPT();
    const config = { model: { ...model.config, ...changes }, conditioner: classes.config };
    const plain: unknown = JSON.parse(JSON.stringify(config));
    await writeModel(folder, { type: 'gpt', config: plain }, variableTensors(model.namedVariables()));
    await expect(loadTransformer(folder)).rejects.toThrow(ConfigError);
    await expect(loadTransformer(folder)).rejects.toThrow(message);
  });

  it('refuses a folder of another type of model, and one that is no model', async () => {
    await writeModel(folder, { type: 'vq-tokenizer', config: {} }, new Map());
    await expect(loadTransformer(folder)).rejects.toThrow(ConfigError);
    await expect(loadTransformer(folder)).rejects.toThrow(/masked or any-order, got "vq-tokenizer".*loadTokenizer/);
    await expect(loadTransformer(join(folder, 'nowhere'))).rejects.toThrow(DataError);
  });

  it('names tensors that are missing, unexpected or of another shape together, and leaves nothing behind', async () => {
    await saveTransformer(folder, classGPT(), classes);
    const file = join(folder, 'model.safetensors');
    const { tensors } = await readSafetensors(file);
    const head = tensors.get('head.weight')!;
    tensors.set('head.weight', { shape: [...head.shape].reverse(), data: head.data });
    tensors.set('tail.weight', head);
    tensors.delete('embedding.tokens');
    await writeSafetensors(file, tensors);
    await expectNoTensorLeak(async () => {
      await expect(loadTransformer(folder)).rejects.toThrow(ShapeError);
    });
    await expect(loadTransformer(folder)).rejects.toThrow(
      /missing: embedding\.tokens; unexpected: tail\.weight; different: head\.weight \[6, 16\] instead of \[16, 6\]/,
    );
  });

  const { config: gpt } = classGPT();
  const { config: rq } = tinyRQ({ conditionLength: 1, conditionVocabSize: 4 });
  it.each<[string, 'gpt' | 'rq-transformer', object]>([
    ['wide', 'gpt', { ...gpt, dim: 2 ** 30 }],
    ['wide layers', 'gpt', { ...gpt, mlpDim: 2 ** 30 }],
    ['many blocks', 'gpt', { ...gpt, depth: 1e9 }],
    ['a large grid', 'gpt', { ...gpt, grid: [2 ** 20, 2 ** 20] }],
    ['many tokens', 'gpt', { ...gpt, vocabSize: 2 ** 30 }],
    ['many conditions', 'gpt', { ...gpt, conditionVocabSize: 2 ** 30 }],
    ['long conditions', 'rq-transformer', { ...rq, conditionLength: 2 ** 30 }],
    ['a large grid', 'rq-transformer', { ...rq, grid: [2 ** 20, 2 ** 20] }],
    ['a long grid', 'rq-transformer', { ...rq, positions: 'grid', grid: [1, 2 ** 30] }],
    ['many levels', 'rq-transformer', { ...rq, codeDepth: 2 ** 30 }],
    ['wide', 'rq-transformer', { ...rq, dim: 2 ** 30 }],
    ['many blocks', 'rq-transformer', { ...rq, spatial: { ...rq.spatial, depth: 2 ** 30 } }],
    ['many blocks over levels', 'rq-transformer', { ...rq, depth: { ...rq.depth, depth: 1e9 } }],
  ])('refuses a configuration before a model is built that the folder cannot hold: %s, %s', async (_, type, model) => {
    const conditioner = { kind: 'class', classCount: 3 };
    const config = { model, conditioner };
    await writeModel(folder, { type, config }, new Map([['x', { shape: [1], data: new Float32Array(1) }]]));
    await expectNoTensorLeak(async () => {
      await expect(loadTransformer(folder)).rejects.toThrow(ShapeError);
    });
    await expect(loadTransformer(folder)).rejects.toThrow(
      /model\.safetensors: expected the weights of the model that the config describes, got 1 elements in 1 tensors/,
    );
  });

  it('refuses a vocabulary that is none', async () => {
    const saved = text();
    const model = classGPT({ conditionVocabSize: saved.vocabSize, conditionLength: saved.length });
    await saveTransformer(folder, model, saved);
    const file = join(folder, 'config.json');
    const content = JSON.parse(await readFile(file, 'utf8')) as { config: { conditioner: { tokenizer: unknown } } };
    content.config.conditioner.tokenizer = { no: 'tokenizer' };
    await writeFile(file, JSON.stringify(content));
    await expect(loadTransformer(folder)).rejects.toThrow(/conditioner\.tokenizer.*a tokenizer\.json/);
  });
});

describe('saveTransformer', () => {
  it('refuses a conditioner that does not fit, and writes nothing', async () => {
    const other = new ClassConditioner({ classCount: 9 });
    await expect(saveTransformer(join(folder, 'model'), classGPT(), other)).rejects.toThrow(
      /saveTransformer: .*10 condition tokens for conditionVocabSize 4/,
    );
    await expect(readFile(join(folder, 'model', 'config.json'))).rejects.toThrow(/ENOENT/);
  });

  it('replaces a model that was there before', async () => {
    const [first, second] = [shake(classGPT()), shake(classGPT(), 5)];
    await saveTransformer(folder, first, classes);
    await saveTransformer(folder, second, classes);
    const { model } = await loadTransformer(folder);
    const head = (of: AnyTransformer): number[] => [...of.namedVariables().get('head.weight')!.dataSync()];
    expect(head(model)).toEqual(head(second));
    expect(head(model)).not.toEqual(head(first));
  });
});

it('the configuration of a model builds one of the same kind', () => {
  const model = classGPT({ dim: 8, mlpDim: undefined });
  expect(model.config).toMatchObject({
    mlpDim: 32,
    positions: 'sequence',
    activation: 'squared-relu',
    dropout: { residual: 0 },
  });
  const again = new GPT({ ...model.config, key: randomKey(3) });
  expect([...again.namedVariables()].map(([name, { shape }]) => [name, shape])).toEqual(
    [...model.namedVariables()].map(([name, { shape }]) => [name, shape]),
  );
});
