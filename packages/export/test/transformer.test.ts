import '@vitvq/test-utils';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, randomKey } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { Sampler } from '@vitvq/sampling';
import { shake } from '@vitvq/test-models';
import {
  CaptionConditioner,
  ClassConditioner,
  conditionTensor,
  TextConditioner,
  textTokenizerFromJson,
  trainTextTokenizer,
} from '@vitvq/transformers';
import {
  exportTokenizer,
  exportTransformer,
  readExport,
  verifyExport,
  type ExportedGraph,
  type ExportedRasterTransformer,
  type ExportManifest,
  type RuntimeName,
} from '../src/index.js';
import { openSession, type HostValue, type Session } from '../src/internal/runtimes.js';
import {
  classes,
  Directions,
  temporaryFolder,
  tinyGPT,
  tinyRAR,
  tinyRQ,
  tinyQuantizer,
  tinyTokenizer,
} from './helpers.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const argMax = ({ shape, data }: HostValue, level = 0): number[] => {
  const width = shape.at(-1)!;
  const codeDepth = shape.length === 3 ? shape[1]! : 1;
  return Array.from({ length: shape[0]! }, (_, row) => {
    const logits = data.subarray((row * codeDepth + level) * width, (row * codeDepth + level + 1) * width);
    return logits.indexOf(Math.max(...logits));
  });
};

function rasterOf({ transformer }: ExportManifest): ExportedRasterTransformer {
  if (transformer?.kind !== 'raster') throw new Error('a transformer of raster order was exported');
  return transformer;
}

interface Sessions {
  readonly prefill: Session;
  readonly decodeStep: Session;
  readonly predict: Session | undefined;
}

async function openAll(folder: string, runtime: RuntimeName, exported: ExportedRasterTransformer): Promise<Sessions> {
  const { prefill, decodeStep, predict } = exported;
  const open = (graph: ExportedGraph): Promise<Session> => openSession(runtime, join(folder, graph.file), graph);
  return {
    prefill: await open(prefill),
    decodeStep: await open(decodeStep),
    predict: predict && (await open(predict)),
  };
}

/** What a page does: the most likely token again and again. Row-major `[B, N, L]`. */
async function sampleGreedily(
  { prefill, decodeStep, predict }: Sessions,
  { cache, grid, codeDepth }: ExportedRasterTransformer,
  conditions: HostValue,
): Promise<number[]> {
  const batch = conditions.shape[0]!;
  const chosen = Array.from({ length: batch }, (): number[] => []);
  let state = await prefill.run({ conditions });
  const positions = grid[0] * grid[1];
  for (let count = 1; count <= positions; count++) {
    const tokens = new Int32Array(batch * codeDepth);
    for (let level = 0; level < codeDepth; level++) {
      const above = Int32Array.from(
        Array.from({ length: batch }, (_, row) => [...tokens.slice(row * codeDepth, (row + 1) * codeDepth - 1)]).flat(),
      );
      const { logits } = predict
        ? await predict.run({ hidden: state.hidden!, tokens: { shape: [batch, codeDepth - 1], data: above } })
        : state;
      argMax(logits!, level).forEach((token, row) => (tokens[row * codeDepth + level] = token));
    }
    for (let row = 0; row < batch; row++) chosen[row]!.push(...tokens.slice(row * codeDepth, (row + 1) * codeDepth));
    if (count === positions) break;
    const past = Object.fromEntries(cache.map((pair) => [pair.past, state[pair.present]!]));
    state = await decodeStep.run({
      ...past,
      tokens: { shape: [batch, codeDepth], data: tokens },
      count: { shape: [], data: Int32Array.of(count) },
    });
  }
  return chosen.flat();
}

const modern = { positions: 'rotary', norm: 'rms', feedForward: 'swiglu', queryKeyNorm: 'rms' } as const;

describe('exportTransformer', () => {
  it.each([
    ['GPT', tinyGPT()],
    ['GPT without time mixing, positions of a grid', tinyGPT({ useTimeMixing: false, positions: 'grid' })],
    ['GPT of modern blocks', tinyGPT(modern)],
    ['RAR', tinyRAR()],
    ['RQTransformer', tinyRQ()],
  ] as const)('samples what the Sampler samples, token by token, in both runtimes: %s', async (_, model) => {
    const folder = await temporaryFolder();
    const { manifest, report } = await exportTransformer(model, classes, folder);
    expect(report!.checks.map(({ runtime, passed }) => [runtime, passed])).toEqual([
      ['node', true],
      ['web', true],
    ]);
    const sampler = new Sampler(model);
    const exported = rasterOf(manifest);
    const runtimes = [await openAll(folder, 'node', exported), await openAll(folder, 'web', exported)];
    for (const labels of [[3], [0, 4], [1, 0, 2, 2, 4]]) {
      const conditions = conditionTensor(classes, Int32Array.from(labels));
      const seeds = labels.map((__, index) => index);
      const expected = await sampler.sample({ conditions, seeds, topK: 1 });
      for (const sessions of runtimes) {
        const given = { shape: [labels.length, 1], data: Int32Array.from(labels) };
        const tokens = await sampleGreedily(sessions, exported, given);
        expect(tokens).toEqual([...(await expected.data())]);
      }
    }
    for (const { prefill, decodeStep, predict } of runtimes) {
      for (const session of [prefill, decodeStep, predict]) await session?.release();
    }
    sampler.dispose();
  });

  it('says what is needed to sample, beside a tokenizer', async () => {
    const folder = await temporaryFolder();
    await exportTokenizer(tinyTokenizer(), folder, { verify: false });
    const { manifest } = await exportTransformer(tinyGPT(), classes, folder, { verify: false });
    expect(await readExport(folder)).toEqual(manifest);
    expect((await readdir(folder)).sort()).toEqual([
      'decode-step.onnx',
      'decoder.onnx',
      'encoder.onnx',
      'prefill.onnx',
      'vitvq.json',
    ]);
    expect(manifest.tokenizer).toBeDefined();
    const transformer = rasterOf(manifest);
    expect(transformer.condition).toEqual({
      input: 'tokens',
      length: 1,
      vocabSize: 5,
      nullTokens: [4],
      meaning: { kind: 'class', classCount: 4, classNames: ['cat', 'dog', 'eel', 'fox'] },
    });
    expect(transformer.cache).toContainEqual({ past: 'past.1.keys', present: 'present.1.keys' });
    expect(transformer.decodeStep.inputs).toEqual([
      { name: 'tokens', dtype: 'int32', shape: ['batch', 1] },
      { name: 'count', dtype: 'int32', shape: [] },
      ...[0, 1].flatMap((block) => [
        { name: `past.${block}.keys`, dtype: 'float32', shape: ['batch', 2, 6, 8] },
        { name: `past.${block}.values`, dtype: 'float32', shape: ['batch', 2, 6, 8] },
        { name: `past.${block}.before`, dtype: 'float32', shape: ['batch', 16] },
      ]),
    ]);
    expect(transformer.decodeStep.outputs[0]).toEqual({ name: 'logits', dtype: 'float32', shape: ['batch', 16] });
    const step = await readFile(join(folder, 'decode-step.onnx'));
    expect(step.includes('com.microsoft')).toBe(false);
    expect(step.includes(JSON.stringify(transformer.condition))).toBe(true);
  });

  it('removes the file that another model had and this one has not', async () => {
    const folder = await temporaryFolder();
    await exportTransformer(tinyRQ(), classes, folder, { verify: false });
    expect(await readdir(folder)).toContain('predict.onnx');
    await exportTransformer(tinyGPT(), classes, folder, { verify: false });
    expect(await readdir(folder)).not.toContain('predict.onnx');
  });

  it('embeds conditions in the file where the conditioner does, with its variables', async () => {
    const folder = await temporaryFolder();
    const model = tinyGPT({ conditionVocabSize: undefined, conditionLength: 2 });
    const { manifest, report } = await exportTransformer(model, new Directions(), folder);
    expect(report!.passed).toBe(true);
    const { condition, prefill } = rasterOf(manifest);
    expect(condition).toEqual({ input: 'numbers', shape: [3], nullInput: [0, 0, 0], meaning: { kind: 'directions' } });
    expect(prefill.inputs).toEqual([{ name: 'conditions', dtype: 'float32', shape: ['batch', 3] }]);
    expect((await readFile(join(folder, 'prefill.onnx'))).includes('conditioner.weight')).toBe(true);
    await expect(verifyExport(folder, { transformer: model })).rejects.toThrow('conditioner, which embeds conditions');
    await expect(exportTransformer(tinyGPT(), new Directions(), folder)).rejects.toThrow(
      'with 1 tokens below 5, got one with 2 embeddings of width 16',
    );
  });

  it.each([
    ['rotary', { ...modern, rotaryConditions: 'zero', conditionAttention: 'causal' }],
    ['learned', {}],
  ] as const)('hides the padding of captions in the files as the Sampler does, %s positions', async (_, options) => {
    const folder = await temporaryFolder();
    const captions = new CaptionConditioner({ length: 4, captionDim: 3, dim: 16, key: randomKey(4) });
    shake(captions);
    const model = tinyGPT({
      ...{ conditionVocabSize: undefined, conditionLength: 4, useTimeMixing: false },
      ...{ ...options, conditionPadding: 'zero' },
    });
    const { manifest, report } = await exportTransformer(model, captions, folder);
    expect(report!.checks.map(({ runtime, passed }) => [runtime, passed])).toEqual([
      ['node', true],
      ['web', true],
    ]);
    const exported = rasterOf(manifest);
    expect(exported.condition).toEqual({
      ...{ input: 'numbers', shape: [4, 3], nullInput: [...captions.nullInput], nullKeepsPadding: true },
      meaning: { kind: 'captions', length: 4, captionDim: 3, dim: 16 },
    });
    expect(exported.cache).toContainEqual({ past: 'past.prefixMask', present: 'present.prefixMask' });
    const values = captions.encode(
      [1, 4, 2].map((length) => Float32Array.from({ length: 3 * length }, (__, at) => Math.sin(length + at))),
    );
    const sampler = new Sampler(model);
    const conditions = conditionTensor(captions, values);
    const expected = [...(await (await sampler.sample({ conditions, seeds: [0, 1, 2], topK: 1 })).data())];
    for (const runtime of ['node', 'web'] as const) {
      const sessions = await openAll(folder, runtime, exported);
      expect(await sampleGreedily(sessions, exported, { shape: [3, 4, 3], data: values })).toEqual(expected);
      for (const session of [sessions.prefill, sessions.decodeStep]) await session.release();
    }
    sampler.dispose();
    captions.dispose();
  });

  it('notices files that show padding', async () => {
    const folder = await temporaryFolder();
    const captions = new CaptionConditioner({ length: 4, captionDim: 3, dim: 16, key: randomKey(4) });
    shake(captions);
    const options = { conditionVocabSize: undefined, conditionLength: 4, useTimeMixing: false } as const;
    await exportTransformer(tinyGPT(options), captions, folder, { verify: false });
    const model = tinyGPT({ ...options, conditionPadding: 'zero' });
    const report = await verifyExport(folder, { transformer: model, conditioner: captions }, { runtimes: ['node'] });
    expect(report.passed).toBe(false);
    captions.dispose();
  });

  it('keeps a text tokenizer in the manifest alone', async () => {
    const folder = await temporaryFolder();
    const json = trainTextTokenizer(['a red square'], { vocabSize: 257 });
    const texts = new TextConditioner({ tokenizer: textTokenizerFromJson(json), length: 3 });
    const model = tinyGPT({ conditionVocabSize: texts.vocabSize, conditionLength: 3 });
    const { manifest } = await exportTransformer(model, texts, folder, { verify: { runtimes: ['node'] } });
    expect(manifest.transformer!.condition.meaning).toEqual({ kind: 'text', length: 3, tokenizer: json });
    expect((await readFile(join(folder, 'decode-step.onnx'))).includes('tokenizer')).toBe(false);
  });

  it('stores weights in half precision', async () => {
    const folder = await temporaryFolder();
    const { report } = await exportTransformer(tinyGPT(), classes, folder, { weights: 'float16' });
    for (const check of report!.checks) {
      if (check.part !== 'transformer') throw new Error('a transformer was exported');
      expect(check.logits).toBeGreaterThan(1e-5);
      expect(check.logits).toBeLessThan(0.05 * check.largestLogit);
    }
  });

  it('refuses the conditioner of another model', async () => {
    const folder = await temporaryFolder();
    const other = new ClassConditioner({ classCount: 9 });
    await expect(exportTransformer(tinyGPT(), other, folder)).rejects.toThrow(
      "exportTransformer: expected the model's conditioner, with 1 tokens below 5, got one with 1 tokens below 10.",
    );
  });

  it('is refused beside a tokenizer of other tokens, and the other way round', async () => {
    const folder = await temporaryFolder();
    await exportTokenizer(tinyTokenizer({ quantizer: { ...tinyQuantizer, codebookSize: 8 } }), folder, {
      verify: false,
    });
    const exporting = exportTransformer(tinyGPT(), classes, folder, { verify: false });
    await expect(exporting).rejects.toThrow(ConfigError);
    await expect(exporting).rejects.toThrow(
      /expected tokens of the tokenizer in the folder, 2x3 tokens of 8 codes, got 2x3 tokens of 16 codes\. Export to another/,
    );
    expect((await readExport(folder)).transformer).toBeUndefined();
    const other = await temporaryFolder();
    await exportTransformer(tinyRQ(), classes, other, { verify: false });
    await expect(exportTokenizer(tinyTokenizer(), other, { verify: false })).rejects.toThrow(
      'expected tokens of the transformer in the folder, 2x3 tokens of 16 codes on 3 levels, got 2x3 tokens of 16 codes.',
    );
  });

  it('leaves no tensors behind', async () => {
    const folder = await temporaryFolder();
    const model = tinyGPT();
    const before = tf.memory().numTensors;
    await exportTransformer(model, classes, folder, { verify: { runtimes: ['node'] } });
    expect(tf.memory().numTensors).toBe(before);
  });
});
