import '@vitvq/test-utils';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useEngine } from '@vitvq/engine';
import { AnyOrderSampler, MaskedSampler } from '@vitvq/sampling';
import { conditionTensor, haltonOrder, type AnyOrderTransformer, type MaskedTransformer } from '@vitvq/transformers';
import {
  exportTransformer,
  readExport,
  verifyExport,
  type ExportedAnyOrderTransformer,
  type ExportedGraph,
  type ExportedMaskedTransformer,
  type ExportManifest,
} from '../src/index.js';
import { openSession, type HostValue, type Session } from '../src/internal/runtimes.js';
import { classes, Directions, mostLikely, temporaryFolder, tinyAnyOrder, tinyGPT, tinyMasked } from './helpers.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const positions = 6;
const order = haltonOrder([2, 3]);
const modern = { positions: 'grid', norm: 'rms', feedForward: 'swiglu', queryKeyNorm: 'rms' } as const;
const bert = { normPlacement: 'post', normEpsilon: 1e-12, activation: 'gelu-tanh', head: 'tied' } as const;

const int32 = (shape: readonly number[], values: Iterable<number>): HostValue => ({
  shape,
  data: Int32Array.from(values),
});

function maskedOf({ transformer }: ExportManifest): ExportedMaskedTransformer {
  if (transformer?.kind !== 'masked') throw new Error('a masked transformer was exported');
  return transformer;
}

function anyOrderOf({ transformer }: ExportManifest): ExportedAnyOrderTransformer {
  if (transformer?.kind !== 'any-order') throw new Error('an any-order transformer was exported');
  return transformer;
}

const open = (folder: string, graph: ExportedGraph, runtime: 'node' | 'web' = 'node'): Promise<Session> =>
  openSession(runtime, join(folder, graph.file), graph);

describe('exportTransformer of a masked model', () => {
  /** What a page does: with guidance, one token a step, the likeliest, in Halton order. */
  async function sampleGreedily(session: Session, label: number, scale: number, given: number[]): Promise<number[]> {
    const tokens = [...given];
    const null_ = classes.nullTokens[0]!;
    for (const position of order) {
      if (tokens[position] !== -1) continue;
      const twice = (values: number[]): HostValue => int32([2, positions], [...values, ...values]);
      const { logits } = await session.run({
        conditions: int32([2, 1], [label, null_]),
        tokens: twice(tokens.map((token) => Math.max(0, token))),
        known: twice(tokens.map((token) => Number(token !== -1))),
      });
      const row = (image: number): Float32Array => {
        const start = (image * positions + position) * 16;
        return logits!.data.slice(start, start + 16) as Float32Array;
      };
      const unconditional = row(1);
      tokens[position] = mostLikely(
        row(0).map((value, index) => unconditional[index]! + scale * (value - unconditional[index]!)),
      );
    }
    return tokens;
  }

  it.each([
    ['as it is', tinyMasked()],
    ['of modern blocks', tinyMasked(modern)],
    ["of BERT's blocks and head", tinyMasked(bert)],
  ] as const)('samples what the MaskedSampler samples, in both runtimes: %s', async (_, model: MaskedTransformer) => {
    const folder = await temporaryFolder();
    const { manifest, report } = await exportTransformer(model, classes, folder);
    expect(report!.checks.map(({ runtime, passed }) => [runtime, passed])).toEqual([
      ['node', true],
      ['web', true],
    ]);
    const sampler = new MaskedSampler(model);
    const given = [-1, 3, -1, -1, 9, -1];
    const expected = await sampler.sample({
      conditions: conditionTensor(classes, Int32Array.of(2)),
      guidance: { scale: 2, unconditional: tf.tensor2d([...classes.nullTokens], [1, 1], 'int32') },
      given: tf.tensor2d(given, [1, positions], 'int32'),
      seeds: [0],
      topK: 1,
      // One token a step.
      decoding: { steps: positions - 2, choice: 'halton' },
    });
    for (const runtime of ['node', 'web'] as const) {
      const session = await open(folder, maskedOf(manifest).maskedLogits, runtime);
      expect(await sampleGreedily(session, 2, 2, given)).toEqual([...(await expected.data())]);
      await session.release();
    }
    sampler.dispose();
  });

  it('is one file, of any number of images', async () => {
    const folder = await temporaryFolder();
    await exportTransformer(tinyGPT(), classes, folder, { verify: false });
    const { manifest } = await exportTransformer(tinyMasked(), classes, folder, { verify: false });
    expect(await readExport(folder)).toEqual(manifest);
    expect((await readdir(folder)).sort()).toEqual(['masked-logits.onnx', 'vitvq.json']);
    const { maskedLogits, codeDepth, condition } = maskedOf(manifest);
    expect(codeDepth).toBe(1);
    expect(condition).toMatchObject({ length: 1, nullTokens: [4] });
    expect(maskedLogits.inputs).toEqual([
      { name: 'conditions', dtype: 'int32', shape: ['batch', 1] },
      { name: 'tokens', dtype: 'int32', shape: ['batch', positions] },
      { name: 'known', dtype: 'int32', shape: ['batch', positions] },
    ]);
    expect(maskedLogits.outputs).toEqual([{ name: 'logits', dtype: 'float32', shape: ['batch', positions, 16] }]);
    const file = await readFile(join(folder, 'masked-logits.onnx'));
    expect(file.includes('com.microsoft')).toBe(false);
    expect(file.includes('vitvq.kind')).toBe(true);
  });

  it('never sees what stands for unknown tokens', async () => {
    const folder = await temporaryFolder();
    const { manifest } = await exportTransformer(tinyMasked(), classes, folder, { verify: false });
    const session = await open(folder, maskedOf(manifest).maskedLogits);
    const logitsOf = async (unknown: number): Promise<number[]> => {
      const { logits } = await session.run({
        conditions: int32([1, 1], [0]),
        tokens: int32([1, positions], [1, unknown, 2, unknown, unknown, 3]),
        known: int32([1, positions], [1, 0, 1, 0, 0, 1]),
      });
      return [...logits!.data];
    };
    expect(await logitsOf(5)).toEqual(await logitsOf(11));
    await session.release();
  });
});

describe('exportTransformer of an any-order model', () => {
  /** What a page does: the most likely tokens, so many a step, in Halton order. */
  async function sampleGreedily(
    { prefill, decodeStep }: { readonly prefill: Session; readonly decodeStep: Session },
    { cache, tokensPerStep }: ExportedAnyOrderTransformer,
    labels: number[],
  ): Promise<number[][]> {
    const batch = labels.length;
    const drawn = labels.map(() => new Array<number>(positions).fill(-1));
    const group = (start: number): number[] =>
      Array.from({ length: tokensPerStep }, (_, index) => order[start + index] ?? 0);
    const everywhere = (values: readonly number[]): HostValue =>
      int32([batch, tokensPerStep], new Array<readonly number[]>(batch).fill(values).flat());
    let state = await prefill.run({ conditions: int32([batch, 1], labels), next: everywhere(group(0)) });
    for (let start = 0; start < positions; start += tokensPerStep) {
      if (start > 0) {
        const before = group(start - tokensPerStep);
        state = await decodeStep.run({
          ...Object.fromEntries(cache.map(({ past, present }) => [past, state[present]!])),
          tokens: int32(
            [batch, tokensPerStep],
            drawn.flatMap((tokens) => before.map((position) => tokens[position]!)),
          ),
          positions: everywhere(before),
          count: int32([], [start]),
          next: everywhere(group(start)),
        });
      }
      for (const [image, tokens] of drawn.entries()) {
        for (const [index, position] of order.subarray(start, start + tokensPerStep).entries()) {
          const row = (image * tokensPerStep + index) * 16;
          tokens[position] = mostLikely(state.logits!.data.subarray(row, row + 16));
        }
      }
    }
    return drawn;
  }

  it.each([
    ['one token a step', tinyAnyOrder(), 1],
    ['four tokens a step, two in the last', tinyAnyOrder(), 4],
    ['modern blocks, three tokens a step', tinyAnyOrder(modern), 3],
    ["BERT's blocks and head, two tokens a step", tinyAnyOrder(bert), 2],
    ['all at once', tinyAnyOrder(), 6],
  ] as const)(
    'samples what the AnyOrderSampler samples, in both runtimes: %s',
    async (_, model: AnyOrderTransformer, tokensPerStep) => {
      const folder = await temporaryFolder();
      const { manifest, report } = await exportTransformer(model, classes, folder, { tokensPerStep });
      expect(report!.checks.map(({ runtime, passed }) => [runtime, passed])).toEqual([
        ['node', true],
        ['web', true],
      ]);
      const exported = anyOrderOf(manifest);
      const sampler = new AnyOrderSampler(model);
      for (const runtime of ['node', 'web'] as const) {
        const prefill = await open(folder, exported.prefill, runtime);
        const decodeStep = await open(folder, exported.decodeStep, runtime);
        for (const labels of [[3], [1, 0, 2, 2, 4]]) {
          const expected = await sampler.sample({
            conditions: conditionTensor(classes, Int32Array.from(labels)),
            seeds: labels.map((__, index) => index),
            topK: 1,
            decoding: { tokensPerStep, order: 'halton' },
          });
          const tokens = await sampleGreedily({ prefill, decodeStep }, exported, labels);
          expect(tokens.flat()).toEqual([...(await expected.data())]);
        }
        await prefill.release();
        await decodeStep.release();
      }
      sampler.dispose();
    },
  );

  it('says what its files take', async () => {
    const folder = await temporaryFolder();
    const { manifest } = await exportTransformer(tinyAnyOrder(), classes, folder, { tokensPerStep: 4, verify: false });
    expect(await readExport(folder)).toEqual(manifest);
    const { prefill, decodeStep, tokensPerStep } = anyOrderOf(manifest);
    expect(tokensPerStep).toBe(4);
    const group = (name: string) => ({ name, dtype: 'int32', shape: ['batch', 4] });
    expect(prefill.inputs).toEqual([{ name: 'conditions', dtype: 'int32', shape: ['batch', 1] }, group('next')]);
    // Room for the condition, four slots that nothing sees, and the tokens of the first step.
    const slots = [0, 1].flatMap((block) =>
      ['keys', 'values'].map((kind) => ({
        name: `past.${block}.${kind}`,
        dtype: 'float32',
        shape: ['batch', 2, 9, 8],
      })),
    );
    expect(decodeStep.inputs).toEqual([
      group('tokens'),
      group('positions'),
      { name: 'count', dtype: 'int32', shape: [] },
      group('next'),
      ...slots,
    ]);
    expect(decodeStep.outputs[0]).toEqual({ name: 'logits', dtype: 'float32', shape: ['batch', 4, 16] });
  });

  it('refuses steps that there cannot be', async () => {
    const exporting = (model: AnyOrderTransformer | MaskedTransformer, tokensPerStep: number) =>
      exportTransformer(model, classes, 'nowhere', { tokensPerStep });
    await expect(exporting(tinyAnyOrder(), 7)).rejects.toThrow('tokensPerStep to be an integer of at most 6, got 7.');
    await expect(exporting(tinyAnyOrder(), 0)).rejects.toThrow('tokensPerStep to be an integer of at least 1, got 0.');
    await expect(exporting(tinyMasked(), 2)).rejects.toThrow(
      'expected no tokensPerStep, which only files of any-order models have, got 2. Leave it out.',
    );
  });
});

describe('masked and any-order models', () => {
  const kinds = [
    ['masked', tinyMasked],
    ['any-order', tinyAnyOrder],
  ] as const;

  it.each(kinds)('embed conditions in the file where the conditioner does: %s', async (_, create) => {
    const folder = await temporaryFolder();
    const model = create({ conditionVocabSize: undefined, conditionLength: 2 });
    const { report } = await exportTransformer(model, new Directions(), folder);
    expect(report!.passed).toBe(true);
    await expect(verifyExport(folder, { transformer: model })).rejects.toThrow('conditioner, which embeds conditions');
  });

  it.each(kinds)('store weights in half precision: %s', async (_, create) => {
    const folder = await temporaryFolder();
    const { report } = await exportTransformer(create(), classes, folder, { weights: 'float16' });
    for (const check of report!.checks) {
      if (check.part !== 'transformer') throw new Error('a transformer was exported');
      expect(check.logits).toBeGreaterThan(1e-5);
    }
  });

  it.each(kinds)('do not pass for others: %s', async (_, create) => {
    const folder = await temporaryFolder();
    await exportTransformer(create(), classes, folder, { verify: false });
    const other = create();
    tf.tidy(() => {
      const weight = other.namedVariables().get('head.weight')!;
      weight.assign(tf.mul(weight, 1.01));
    });
    const { passed } = await verifyExport(folder, { transformer: other }, { runtimes: ['node'] });
    expect(passed).toBe(false);
    await expect(verifyExport(folder, { transformer: tinyGPT() })).rejects.toThrow(
      /expected files of the given transformer, of kind "raster", got files of one of kind "(masked|any-order)"\./,
    );
  });

  it.each(kinds)('are checked by an engine that compiles, too: %s', async (_, create) => {
    await useEngine({ name: 'onnx', threads: 1 });
    try {
      const folder = await temporaryFolder();
      const { report } = await exportTransformer(create(), classes, folder, { verify: { runtimes: ['node'] } });
      expect(report!.checks).toMatchObject([{ firstOriginalBy: 'tensorflow.js', passed: true }]);
    } finally {
      await useEngine({ name: 'cpu' });
    }
  });

  it.each(kinds)('leave no tensors behind: %s', async (_, create) => {
    const folder = await temporaryFolder();
    const model = create();
    const before = tf.memory().numTensors;
    await exportTransformer(model, classes, folder, { verify: { runtimes: ['node'] } });
    expect(tf.memory().numTensors).toBe(before);
  });
});
