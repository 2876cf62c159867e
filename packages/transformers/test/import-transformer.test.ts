/**
 * `golden/llama-gen.safetensors` was made by `golden/llama_gen.py`,
 * `golden/llama-gen-t2i.safetensors` by `golden/llama_gen_t2i.py`, `golden/rar.safetensors` by
 * `golden/rar.py`, and `golden/maskgit.*` by `golden/maskgit.py`, which say of what.
 */
import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFlaxCheckpoint, openSafetensors, readSafetensors, type TensorEntry } from '@vitvq/checkpoint';
import { ConfigError, DataError, ShapeError, type HostTensor } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { MaskedSampler, Sampler, verifySampler } from '@vitvq/sampling';
import '@vitvq/test-utils';
import {
  conditionTensor,
  nullConditions,
  nullConditionsOf,
  type CaptionConditioner,
  type ClassConditioner,
  type GPT,
  type MaskedTransformer,
  type RAR,
} from '../src/index.js';
import { CheckpointShapes } from '../src/internal/checkpoint-shapes.js';
import { llamaGenPlan } from '../src/internal/llama-gen.js';
import { maskGITConfig } from '../src/internal/maskgit.js';
import {
  importTransformer,
  loadTransformer,
  saveTransformer,
  transformerOriginOf,
  type ImportedTransformer,
  type ImportTransformerOptions,
  type TransformerCheckpoint,
} from '../src/node/index.js';

const hints = { grid: [3, 3], numHeads: 2 } as const;

interface Golden {
  readonly checkpoint: TransformerCheckpoint;
  readonly values: ReadonlyMap<string, HostTensor>;
}

let golden: Golden;
let captioned: Golden;
let rar: Golden;
beforeAll(async () => {
  await useEngine({ name: 'cpu' });
  golden = await readGolden('llama-gen');
  captioned = await readGolden('llama-gen-t2i');
  rar = await readGolden('rar');
});
afterAll(() => useEngine({ name: 'cpu' }));

async function readGolden(name: string): Promise<Golden> {
  const opened = await openSafetensors(fileURLToPath(new URL(`golden/${name}.safetensors`, import.meta.url)));
  const values = new Map<string, HostTensor>();
  for (const entry of opened.entries) values.set(entry.name, await opened.read(entry));
  await opened.close();
  const prefix = 'weights.';
  const entries = opened.entries
    .filter((entry) => entry.name.startsWith(prefix))
    .map((entry) => ({ ...entry, name: entry.name.slice(prefix.length) }));
  return {
    values,
    checkpoint: {
      file: `${name}.pt`,
      entries,
      read: ({ name: tensor }) => Promise.resolve(values.get(prefix + tensor)!),
    },
  };
}

interface Known<Model, Conditioner> extends Pick<ImportedTransformer, 'origin'> {
  readonly model: Model;
  readonly conditioner: Conditioner;
}

/** Imports a model whose kind the test knows. */
async function imported<Model extends ImportedTransformer['model'], Conditioner = ClassConditioner>(
  checkpoint: TransformerCheckpoint,
  options?: ImportTransformerOptions,
): Promise<Known<Model, Conditioner>> {
  return (await importTransformer(checkpoint, options)) as ImportedTransformer & Known<Model, Conditioner>;
}

const tensorOf = <R extends tf.Rank>(name: string, dtype: 'int32' | 'float32', { values } = golden): tf.Tensor<R> => {
  const { shape, data } = values.get(name)!;
  return tf.tensor<R>(data, [...shape] as tf.ShapeMap[R], dtype);
};

/** The same checkpoint with a tensor added, or of another shape. */
const changed = (name: string, shape: readonly number[], { checkpoint } = golden): TransformerCheckpoint => {
  const added: TensorEntry = { name, shape, dtype: 'F32' };
  const others = checkpoint.entries.filter((entry) => entry.name !== name);
  return { ...checkpoint, entries: [...others, added] };
};

describe('a class-conditional GPT of LlamaGen', () => {
  it('has the logits of its authors', async () => {
    const { model, conditioner, origin } = await imported<GPT>(golden.checkpoint, { hints });
    expect([origin, model.type]).toEqual(['llama-gen', 'gpt']);
    expect(conditioner.classCount).toBe(5);
    expect(model.config).toMatchObject({ depth: 2, numHeads: 2, mlpDim: 48, rotaryConditions: 'zero' });
    const classes = tf.expandDims<tf.Tensor2D>(tensorOf('classes', 'int32'), 1);
    const logits = model.logits(classes, tensorOf<tf.Rank.R2>('tokens', 'int32'));
    expect(logits).toBeAllClose(tensorOf('logits', 'float32'), { atol: 1e-5, rtol: 1e-5 });
    model.dispose();
  });

  it('draws with a cache what its authors draw, guided too', async () => {
    const { model, conditioner } = await imported<GPT>(golden.checkpoint, { hints });
    const sampler = new Sampler(model);
    const classes = tf.expandDims<tf.Tensor2D>(tensorOf('classes', 'int32'), 1);
    const greedy = await sampler.sample({ conditions: classes, seeds: [0, 1, 2], topK: 1 });
    expect([...(await greedy.data())]).toEqual([...golden.values.get('greedy')!.data]);
    const guided = await sampler.sample({
      conditions: conditionTensor(conditioner, conditioner.encode([0, 4])),
      seeds: [0, 1],
      topK: 1,
      guidance: { scale: 3, unconditional: nullConditions(conditioner, 2) },
    });
    expect([...(await guided.data())]).toEqual([...golden.values.get('guided')!.data]);
    sampler.dispose();
    expect(await verifySampler(model)).toMatchObject({ passed: true });
    model.dispose();
  });

  it('is read without tables that are computed, and leaves no tensors behind', async () => {
    const before = tf.memory().numTensors;
    const { model } = await importTransformer(changed('freqs_cis', [10, 4, 2]), { hints });
    expect(tf.memory().numTensors - before).toBe(model.namedVariables().size);
    model.dispose();
    await expect(importTransformer(changed('output.weight', [13, 15]), { hints })).rejects.toThrow(ShapeError);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([
    ['GPT-B', 768, 12],
    ['GPT-XXL', 1536, 24],
    ['GPT-3B', 3200, 32],
  ] as const)('has the heads of the published %s', (_, dim, heads) => {
    const shapes = new Map<string, readonly number[]>([
      ['tok_embeddings.weight', [16384, dim]],
      ['cls_embedding.embedding_table.weight', [1001, dim]],
      ['layers.0.feed_forward.w1.weight', [2048, dim]],
      ['layers.0.attention.wqkv.weight', [3 * dim, dim]],
    ]);
    const entries = [...shapes].map(([name, shape]) => ({ name, shape }));
    const { config } = llamaGenPlan(new CheckpointShapes({ file: 'c2i.pt', entries }), { grid: [24, 24] });
    expect(config).toMatchObject({ dim, numHeads: heads, depth: 1, conditionVocabSize: 1001, grid: [24, 24] });
  });

  it('says what it has to be told', async () => {
    const importing = importTransformer(golden.checkpoint, { hints: { numHeads: 2 } });
    await expect(importing).rejects.toThrow(ConfigError);
    await expect(importing).rejects.toThrow(/to be told the grid of tokens.*Pass hints: { grid }/);
    await expect(importTransformer(golden.checkpoint, { hints: { grid: [3, 3] } })).rejects.toThrow(
      /number of heads that share the width 16.*Pass hints: { numHeads }/,
    );
    await expect(importTransformer(golden.checkpoint, { hints: { ...hints, numHeads: 3 } })).rejects.toThrow(
      /dim is 16: expected a multiple of numHeads/,
    );
    await expect(importTransformer(golden.checkpoint, { hints: { heads: 2 } as object })).rejects.toThrow(/"heads"/);
  });

  it('names all tensors that do not fit', async () => {
    const other = changed('layers.1.ffn_norm.bias', [16]);
    const importing = importTransformer(
      { ...other, entries: other.entries.filter(({ name }) => name !== 'norm.weight') },
      { hints },
    );
    await expect(importing).rejects.toThrow(
      /llama-gen\.pt: expected the 18 tensors of the transformer, got missing: norm\.weight; unexpected: layers\.1\.ffn_norm\.bias/,
    );
    await expect(importTransformer(changed('layers.0.attention.wqkv.weight', [32, 16]), { hints })).rejects.toThrow(
      /as many heads of keys as of queries/,
    );
  });

  it('is told from other checkpoints', async () => {
    expect(transformerOriginOf(golden.checkpoint)).toBe('llama-gen');
    const entry = (name: string): TensorEntry => ({ name, shape: [2, 2], dtype: 'F32' });
    const only = (...names: string[]): TransformerCheckpoint => ({ ...golden.checkpoint, entries: names.map(entry) });
    expect(transformerOriginOf(only('encoder.weight'))).toBeUndefined();
    await expect(importTransformer(only('encoder.weight'))).rejects.toThrow(DataError);
    await expect(importTransformer(only('encoder.weight'))).rejects.toThrow(
      /a transformer of llama-gen, rar, maskgit, got tensors such as encoder/,
    );
  });
});

describe('a text-conditional GPT of LlamaGen', () => {
  const close = { atol: 1e-5, rtol: 1e-5 };
  const importing = (): ReturnType<typeof imported<GPT, CaptionConditioner>> =>
    imported<GPT, CaptionConditioner>(captioned.checkpoint, { hints });

  /** The captions without the zeros before them, padded by the conditioner. */
  function captionsOf(conditioner: CaptionConditioner): Float32Array {
    const { data, shape } = captioned.values.get('captions')!;
    const [, length, width] = shape as [number, number, number];
    const lengths = [...captioned.values.get('lengths')!.data];
    const own = lengths.map((count, row) => {
      const end = (row + 1) * length * width;
      return Float32Array.from(data.subarray(end - count * width, end));
    });
    const encoded = conditioner.encode(own);
    // PyTorch's zeros may be negative.
    expect([...encoded]).toEqual(Array.from(data, (value) => value + 0));
    return encoded;
  }

  it('has the logits of its authors, of captions of different lengths and of none', async () => {
    const { model, conditioner, origin } = await importing();
    expect([origin, model.type]).toEqual(['llama-gen', 'gpt']);
    expect(conditioner.config).toEqual({ kind: 'captions', length: 5, captionDim: 6, dim: 16 });
    expect(model.config).toMatchObject({
      ...{ conditionLength: 5, conditionAttention: 'causal', conditionPadding: 'zero' },
      ...{ depth: 2, numHeads: 2, mlpDim: 48, rotaryConditions: 'zero' },
    });
    expect(model.config.conditionVocabSize).toBeUndefined();
    const captions = captionsOf(conditioner);
    const tokens = tensorOf<tf.Rank.R2>('tokens', 'int32', captioned);
    const expected = (name: string): tf.Tensor => tensorOf(name, 'float32', captioned);
    expect(model.logits(conditionTensor(conditioner, captions), tokens)).toBeAllClose(expected('logits'), close);
    const dropped = nullConditionsOf(conditioner, captions);
    expect(model.logits(dropped, tokens)).toBeAllClose(expected('dropped'), close);
    model.dispose();
    conditioner.dispose();
  });

  it.each(['cpu', 'onnx'] as const)('draws with a cache what its authors draw, guided too, on %s', async (name) => {
    await useEngine({ name, onCompile: () => undefined });
    const { model, conditioner } = await importing();
    const captions = captionsOf(conditioner);
    const conditions = conditionTensor(conditioner, captions);
    const guidance = { scale: 3, unconditional: nullConditionsOf(conditioner, captions) };
    // Segments that end within the captions, and after them.
    for (const lengths of [[], [2, 7]]) {
      const sampler = new Sampler(model, { lengths });
      const greedy = await sampler.sample({ conditions, seeds: [0, 1, 2], topK: 1 });
      expect([...(await greedy.data())]).toEqual([...captioned.values.get('greedy')!.data]);
      const guided = await sampler.sample({ conditions, seeds: [0, 1, 2], topK: 1, guidance });
      expect([...(await guided.data())]).toEqual([...captioned.values.get('guided')!.data]);
      sampler.dispose();
      const report = await verifySampler(model, { conditions, guidance, sampler: { lengths } });
      expect(report).toMatchObject({ passed: true });
    }
    model.dispose();
    conditioner.dispose();
    await useEngine({ name: 'cpu' });
  });

  it('is kept in a model folder with what embeds captions, and leaves no tensors behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vitvq-captions-'));
    const before = tf.memory().numTensors;
    const { model, conditioner } = await importing();
    const captions = captionsOf(conditioner);
    await saveTransformer(folder, model, conditioner, {});
    const { model: again, conditioner: savedConditioner } = await loadTransformer(folder);
    const loaded = savedConditioner as CaptionConditioner;
    expect(again.config).toEqual(model.config);
    expect(loaded.config).toEqual(conditioner.config);
    tf.tidy(() => {
      for (const conditionsOf of [conditionTensor, nullConditionsOf]) {
        const [own, others] = [conditioner, loaded].map((each) => conditionsOf(each, captions));
        expect(others!).toBeAllClose(own!, { atol: 0, rtol: 0 });
      }
    });
    for (const module of [model, conditioner, again, loaded]) module.dispose();
    expect(tf.memory().numTensors).toBe(before);
    await rm(folder, { recursive: true });
  });

  it('has the shapes of the published GPT-XL', () => {
    const shapes = new Map<string, readonly number[]>([
      ['tok_embeddings.weight', [16384, 1280]],
      ['cls_embedding.cap_proj.fc1.weight', [1280, 2048]],
      ['cls_embedding.cap_proj.fc2.weight', [1280, 1280]],
      ['cls_embedding.uncond_embedding', [120, 2048]],
      ['layers.0.feed_forward.w1.weight', [3584, 1280]],
      ['layers.0.attention.wqkv.weight', [3840, 1280]],
    ]);
    const entries = [...shapes].map(([name, shape]) => ({ name, shape }));
    const { config, captions } = llamaGenPlan(new CheckpointShapes({ file: 't2i.pt', entries }), { grid: [16, 16] });
    expect(config).toMatchObject({ dim: 1280, numHeads: 20, conditionLength: 120 });
    expect(captions).toEqual({ kind: 'captions', length: 120, captionDim: 2048, dim: 1280 });
  });

  it('names all tensors that do not fit', async () => {
    const before = tf.memory().numTensors;
    const importingChanged = importTransformer(changed('cls_embedding.cap_proj.fc2.weight', [16, 8], captioned), {
      hints,
    });
    await expect(importingChanged).rejects.toThrow(ShapeError);
    await expect(importingChanged).rejects.toThrow(/cls_embedding\.cap_proj\.fc2\.weight/);
    expect(tf.memory().numTensors).toBe(before);
    const without = captioned.checkpoint.entries.filter(({ name }) => !name.endsWith('uncond_embedding'));
    await expect(importTransformer({ ...captioned.checkpoint, entries: without }, { hints })).rejects.toThrow(
      /tensor cls_embedding\.uncond_embedding of 2 axes/,
    );
  });
});

describe('a RAR of its authors', () => {
  it('has their logits, in raster order and in others', async () => {
    const { model, conditioner, origin } = await imported<RAR>(rar.checkpoint);
    expect(origin).toBe('rar');
    expect(conditioner.classCount).toBe(5);
    expect(model.config).toMatchObject({ grid: [3, 3], depth: 2, numHeads: 2, mlpDim: 24, vocabSize: 13 });
    const classes = tf.expandDims<tf.Tensor2D>(tensorOf('classes', 'int32', rar), 1);
    const tokens = tensorOf<tf.Rank.R2>('tokens', 'int32', rar);
    const orders = tensorOf<tf.Rank.R2>('orders', 'int32', rar);
    const close = { atol: 1e-5, rtol: 1e-5 };
    expect(model.logits(classes, tokens)).toBeAllClose(tensorOf('logits', 'float32', rar), close);
    const byPosition = model.logits(classes, tokens, { orders });
    const inOrder = tf.gather(byPosition, orders, 1, 1);
    expect(inOrder).toBeAllClose(tensorOf('permuted', 'float32', rar), close);
    model.dispose();
  });

  it('draws with a cache what they draw, guided too', async () => {
    const { model, conditioner } = await imported<RAR>(rar.checkpoint, { hints: { grid: [3, 3], numHeads: 2 } });
    const sampler = new Sampler(model);
    const classes = tf.expandDims<tf.Tensor2D>(tensorOf('classes', 'int32', rar), 1);
    const greedy = await sampler.sample({ conditions: classes, seeds: [0, 1, 2], topK: 1 });
    expect([...(await greedy.data())]).toEqual([...rar.values.get('greedy')!.data]);
    const guided = await sampler.sample({
      conditions: conditionTensor(conditioner, conditioner.encode([0, 4])),
      seeds: [0, 1],
      topK: 1,
      guidance: { scale: 3, unconditional: nullConditions(conditioner, 2) },
    });
    expect([...(await guided.data())]).toEqual([...rar.values.get('guided')!.data]);
    sampler.dispose();
    model.dispose();
  });

  it('is refused with hints and tensors that do not fit', async () => {
    await expect(importTransformer(rar.checkpoint, { hints: { grid: [2, 4] } })).rejects.toThrow(
      /a grid of 9 tokens, got 2x4/,
    );
    await expect(importTransformer(rar.checkpoint, { hints: { numHeads: 4 } })).rejects.toThrow(
      /heads of 8 channels, 2 of them, got 4/,
    );
    await expect(importTransformer(changed('timesteps_embeddings', [1, 107, 16], rar))).rejects.toThrow(
      /a grid of 7 tokens, got 3x3/,
    );
    await expect(importTransformer(changed('pos_embed', [1, 10, 16], rar))).rejects.toThrow(
      /pos_embed of at least 11 rows/,
    );
    await expect(importTransformer(changed('embeddings.weight', [14, 16], rar))).rejects.toThrow(
      /more than 15 rows: tokens, mask, classes and no class/,
    );
    await expect(importTransformer(changed('cls_token', [1, 1, 15], rar))).rejects.toThrow(ShapeError);
  });
});

describe('a MaskGIT of its authors', () => {
  const path = (ending: string): string => fileURLToPath(new URL(`golden/maskgit.${ending}`, import.meta.url));
  const ofFive = { hints: { classCount: 5 } };
  let values: ReadonlyMap<string, HostTensor>;
  let checkpoint: Awaited<ReturnType<typeof openFlaxCheckpoint>>;
  beforeAll(async () => {
    values = (await readSafetensors(path('safetensors'))).tensors;
    checkpoint = await openFlaxCheckpoint(path('msgpack'));
  });
  afterAll(() => checkpoint.close());

  /** The same file with another tensor, or one of another shape. */
  const other = (name: string, shape: readonly number[]): TransformerCheckpoint => ({
    ...checkpoint,
    entries: [...checkpoint.entries.filter((entry) => entry.name !== name), { name, shape, dtype: 'F32' }],
  });

  it('has their logits, with all, some and none of the tokens known', async () => {
    const { model, conditioner, origin } = await imported<MaskedTransformer>(checkpoint, ofFive);
    expect([origin, model.type]).toEqual(['maskgit', 'masked']);
    expect(conditioner.classCount).toBe(5);
    expect(model.config).toMatchObject({
      ...{ vocabSize: 13, grid: [3, 3], dim: 16, depth: 2, numHeads: 2, mlpDim: 24 },
      ...{ normPlacement: 'post', normEpsilon: 1e-12, activation: 'gelu-tanh', head: 'tied' },
    });
    // A class, counted after the codes, and tokens, of which -1 is the mask.
    const inputs = values.get('inputs')!;
    const words = tf.tensor2d(inputs.data, [3, 10], 'int32');
    const classes = tf.sub<tf.Tensor2D>(tf.slice(words, [0, 0], [-1, 1]), tf.scalar(13, 'int32'));
    const tokens: tf.Tensor2D = tf.slice(words, [0, 1]);
    const known = tf.cast(tf.greaterEqual(tokens, tf.scalar(0, 'int32')), 'int32');
    const logits = model.maskedLogits(classes, tf.maximum(tokens, tf.scalar(0, 'int32')), known as tf.Tensor2D);
    const expected = values.get('logits')!;
    expect(logits).toBeAllClose(tf.tensor(expected.data, [...expected.shape]), { atol: 1e-5, rtol: 1e-5 });
    model.dispose();
  });

  it('draws what they draw', async () => {
    const { model, conditioner } = await imported<MaskedTransformer>(checkpoint, ofFive);
    const sampler = new MaskedSampler(model);
    let tokens = new Int32Array(27).fill(-1);
    // One position after the other in raster order.
    for (let position = 0; position < 9; position++) {
      const drawn = await sampler.sample({
        conditions: conditionTensor(conditioner, conditioner.encode([0, 4, 2])),
        given: tf.tensor2d(tokens, [3, 9], 'int32'),
        seeds: [0, 1, 2],
        topK: 1,
        decoding: { steps: 1 },
      });
      const all = await drawn.data();
      tokens = tokens.map((token, at) => (at % 9 === position ? all[at]! : token));
    }
    expect([...tokens]).toEqual([...values.get('greedy')!.data]);
    sampler.dispose();
    model.dispose();
  });

  it('has the mask for no class, and leaves no tensors behind', async () => {
    const before = tf.memory().numTensors;
    const { model } = await imported<MaskedTransformer>(checkpoint, ofFive);
    expect(tf.memory().numTensors - before).toBe(model.namedVariables().size);
    const row = (name: string, index: number): tf.Tensor =>
      tf.slice(model.namedVariables().get(name) as tf.Tensor2D, [index, 0], [1, -1]);
    tf.tidy(() => {
      expect(row('embedding.conditions', 5)).toBeAllClose(row('embedding.tokens', 13), { atol: 0 });
    });
    model.dispose();
    const cut = other('params/Embed_0/embeddings_ln/bias', [15]);
    await expect(importTransformer(cut, ofFive)).rejects.toThrow(ShapeError);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what it has to be told, and refuses what does not fit', async () => {
    await expect(importTransformer(checkpoint)).rejects.toThrow(
      /how many of the 18 words are classes, and not codes.*Pass hints: { classCount }/,
    );
    for (const classCount of [0, 2.5, 18]) {
      await expect(importTransformer(checkpoint, { hints: { classCount } })).rejects.toThrow(
        /1 to 17 classes among 19 words/,
      );
    }
    const withHints = (hints: object): Promise<unknown> =>
      importTransformer(checkpoint, { hints: { classCount: 5, ...hints } });
    await expect(withHints({ grid: [2, 4] })).rejects.toThrow(/a grid of 9 tokens, got 2x4/);
    await expect(withHints({ numHeads: 4 })).rejects.toThrow(/2 heads, got 4/);
    await expect(importTransformer(rar.checkpoint, ofFive)).rejects.toThrow(/no classCount for rar/);
  });

  it('counts the classes of the published models itself', () => {
    const entries = Object.entries({
      'Embed_0/word_embeddings/embedding': [2025, 768],
      'Embed_0/position_embeddings/embedding': [257, 768],
      'TransformerLayer_0/Attention_0/self_attention/query/kernel': [768, 16, 48],
      'TransformerLayer_0/Mlp_0/intermediate_output/kernel': [768, 3072],
    }).map(([name, shape]) => ({ name: `params/${name}`, shape }));
    const config = maskGITConfig(new CheckpointShapes({ file: 'maskgit_imagenet256_checkpoint', entries }), {});
    expect(config).toMatchObject({ vocabSize: 1024, conditionVocabSize: 1001, grid: [16, 16], numHeads: 16, depth: 1 });
  });

  it('names all tensors that do not fit', async () => {
    const added = other('params/TransformerLayer_1/Mlp_0/layer_output_ln/offset', [16]);
    const missing = 'params/MlmLayer_0/mlm_ln/scale';
    const entries = added.entries.filter(({ name }) => name !== missing);
    await expect(importTransformer({ ...added, entries }, ofFive)).rejects.toThrow(
      /maskgit\.msgpack: expected the 41 tensors of the transformer, got missing: params\/MlmLayer_0\/mlm_ln\/scale; unexpected: params\/TransformerLayer_1\/Mlp_0\/layer_output_ln\/offset/,
    );
  });
});
