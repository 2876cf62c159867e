import '@tensorflow/tfjs';
import { cp, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey } from '@vitvq/core';
import { createTokenizer } from '@vitvq/tokenizer';
import { saveTokenizer } from '@vitvq/tokenizer/node';
import { AnyOrderTransformer, ClassConditioner, MaskedTransformer } from '@vitvq/transformers';
import { saveTransformer } from '@vitvq/transformers/node';
import { SMOKE_TOKENIZER } from '../src/config.js';
import { loadModels, newestRun } from '../src/models.js';
import { makeSmokeModels } from '../src/smoke-models.js';

let folder: string;
const run = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-browser-models-'));
  await makeSmokeModels(run('pipeline'));
  await makeSmokeModels(run('quickstart'), { transformer: 'none' });
  await makeSmokeModels(run('rq-pipeline'), { codeDepth: 2 });
  await makeSmokeModels(run('masked'), { transformer: 'masked' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('models of a run', () => {
  it('are a tokenizer and a transformer after a pipeline, a tokenizer alone after the quickstart', async () => {
    const pipeline = await loadModels(run('pipeline'));
    expect(pipeline.transformer?.model.codeDepth).toBe(1);
    pipeline.dispose();
    const quickstart = await loadModels(run('quickstart'));
    expect(quickstart.transformer).toBeUndefined();
    quickstart.dispose();
  });

  it('have a brush where a masked transformer is named', async () => {
    const both = await loadModels(run('pipeline'), run('masked'));
    expect([both.transformer?.model.type, both.brush?.model.type]).toEqual(['gpt', 'masked']);
    both.dispose();
    const brushAlone = await loadModels(run('quickstart'), join(run('masked'), 'transformer/model'));
    expect([brushAlone.transformer, brushAlone.brush?.model.type]).toEqual([undefined, 'masked']);
    brushAlone.dispose();
    const masked = await loadModels(run('masked'));
    expect([masked.transformer?.model.type, masked.brush]).toEqual(['masked', undefined]);
    masked.dispose();
  });

  it('refuse a brush that cannot paint with their codes', async () => {
    const loading = (brush: string) => loadModels(run('pipeline'), run(brush));
    await expect(loading('none')).rejects.toThrow(`--brush ${run('none')} holds no transformer`);
    await expect(loading('quickstart')).rejects.toThrow('holds no transformer');
    await expect(loading('pipeline')).rejects.toThrow('expected a masked transformer, which draws tokens given all');

    const tokenizer = createTokenizer(SMOKE_TOKENIZER, { seed: 1 });
    await cp(run('masked'), run('retrained'), { recursive: true });
    await rm(run('retrained/tokenizer'), { recursive: true });
    await saveTokenizer(run('retrained/tokenizer/model'), tokenizer, SMOKE_TOKENIZER);
    await expect(loading('retrained')).rejects.toThrow(
      'expected a run with the tokenizer of the other models, whose codes the brush paints with',
    );

    const { vocabSize, grid } = tokenizer;
    const classes = new ClassConditioner({ classCount: 9 });
    const shape = { vocabSize, grid, conditionVocabSize: classes.vocabSize, dim: 8, depth: 1, numHeads: 1 };
    const model = new MaskedTransformer({ ...shape, key: randomKey(1) });
    await saveTransformer(run('other-classes'), model, classes);
    await expect(loading('other-classes')).rejects.toThrow('a transformer that is told the same, {"kind":"class"');
    tokenizer.dispose();
    model.dispose();
  });

  it('refuse a transformer that the page does not sample', async () => {
    const classes = new ClassConditioner({ classCount: 3 });
    const shape = { vocabSize: 32, grid: [4, 4], conditionVocabSize: classes.vocabSize, dim: 8, depth: 1 } as const;
    const model = new AnyOrderTransformer({ ...shape, numHeads: 1, key: randomKey(1) });
    await cp(join(run('pipeline'), 'tokenizer'), run('any/tokenizer'), { recursive: true });
    await saveTransformer(run('any/transformer/model'), model, classes);
    model.dispose();
    await expect(loadModels(run('any'))).rejects.toThrow('got an any-order transformer. The page has no sampler');
  });

  it('are those of the newest run', async () => {
    const runs = [run('pipeline'), run('quickstart'), run('none')];
    await utimes(join(runs[0]!, 'tokenizer/model/config.json'), 1000, 1000);
    await utimes(join(runs[1]!, 'tokenizer/model/config.json'), 2000, 2000);
    expect(newestRun(runs)).toBe(runs[1]);
    await utimes(join(runs[0]!, 'tokenizer/model/config.json'), 3000, 3000);
    expect(newestRun(runs)).toBe(runs[0]);
  });

  it('must be there', async () => {
    expect(() => newestRun([run('none')])).toThrow(`there is no model in ${run('none')}: npm run quickstart makes one`);
    await expect(loadModels(run('none'))).rejects.toThrow(`--run ${run('none')} holds no tokenizer`);
  });

  it('must fit each other', async () => {
    await cp(run('pipeline'), run('mixed'), { recursive: true });
    await cp(join(run('rq-pipeline'), 'transformer'), join(run('mixed'), 'transformer'), { recursive: true });
    await expect(loadModels(run('mixed'))).rejects.toThrow(
      'expected a transformer of 32 codes on a grid of 4x4, 1 a position, got 32 codes on a grid of 4x4, 2 a position',
    );
  });
});
