import '@tensorflow/tfjs';
import { cp, mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModels, newestRun } from '../src/models.js';
import { makeSmokeModels } from '../src/smoke-models.js';

let folder: string;
const run = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-browser-models-'));
  await makeSmokeModels(run('pipeline'));
  await makeSmokeModels(run('quickstart'), { transformer: false });
  await makeSmokeModels(run('rq-pipeline'), { codeDepth: 2 });
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
