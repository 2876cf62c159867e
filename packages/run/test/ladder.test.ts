import '@tensorflow/tfjs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { climbLadder, readLadderRecord, readRunConfig, rungNames, type ClimbedLadder } from '../src/index.js';

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

/** Every rung with tiny models on made-up images. */
const changes = {
  engine: 'cpu',
  data: { train: { kind: 'made-up', count: 20 }, validation: { kind: 'made-up', count: 20 } },
  tokenizer: {
    model: {
      imageSize: 16,
      encoder: { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 },
      decoder: { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 },
      quantizer: { codebookSize: 32 },
    },
    training: { duration: { steps: 6 }, batchSize: 4, evaluation: { everySteps: 2 } },
  },
  transformer: {
    model: { dim: 16, depth: 1, numHeads: 2 },
    codes: { images: 20 },
    training: { duration: { steps: 6 }, batchSize: 4, evaluation: { everySteps: 2 } },
  },
  samples: { perClass: 1, topK: null },
} as const;

let first: ClimbedLadder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-ladder-'));
  // Nothing is expected of models as small as these.
  await writeFile(at('nothing.json'), JSON.stringify({ set: [], seed: 0, rungs: {} }));
  first = await climbLadder({ out: at('first'), to: 'hundred-images', changes, expected: at('nothing.json') });
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('climbLadder', () => {
  it('leaves a run of each rung, the curves, and a report with its pictures', async () => {
    expect(first.isReached).toBe(true);
    expect(first.rungs.map(({ name }) => name)).toEqual(['one-image', 'hundred-images']);
    const { rungs } = await readLadderRecord(at('first'));
    expect(rungs['one-image']!.psnr.map(([step]) => step)).toEqual([2, 4, 6]);
    expect(rungs['hundred-images']!.natsPerToken.map(([step]) => step)).toEqual([2, 4, 6]);
    expect(await readdir(at('first'))).toEqual(
      expect.arrayContaining(['one-image', 'hundred-images', 'ladder.json', 'report.html', 'one-image-samples.png']),
    );
    expect(await readFile(first.report, 'utf8')).toContain('A hundred images');
  });

  it('reaches its own curves, and goes on with what is there', async () => {
    const again = await climbLadder({ out: at('first'), to: 'hundred-images', changes, expected: at('first') });
    expect(again.isReached).toBe(true);
    expect(again.rungs[0]!.verdict.psnr.expected).toBe(again.rungs[0]!.verdict.psnr.measured);
    expect(again.rungs[0]!.record).toEqual(first.rungs[0]!.record);
  });

  it('stops at the rung where an idea fails, and says since when it is behind', async () => {
    // Curves that tiny models cannot reach.
    const wanted = await readLadderRecord(at('first'));
    const { rungs } = wanted;
    const better = Object.fromEntries(
      Object.entries(rungs).map(([name, rung]) => [
        name,
        { ...rung, psnr: rung.psnr.map(([step, value]) => [step, step === 2 ? value : value + 9]) },
      ]),
    );
    await writeFile(at('better.json'), JSON.stringify({ ...wanted, rungs: better }));
    const options = { to: 'hundred-images', changes, expected: at('better.json') } as const;
    const { isReached, rungs: climbed, report } = await climbLadder({ ...options, out: at('first') });
    expect(isReached).toBe(false);
    expect(climbed).toHaveLength(1);
    expect(climbed[0]!.verdict.psnr).toMatchObject({ isReached: false, behindSince: 4 });
    expect(await readFile(report, 'utf8')).toContain('The tokenizer is behind from step 4 on.');
    const all = await climbLadder({ ...options, out: at('first'), keepGoing: true });
    expect([all.rungs.length, all.isReached]).toEqual([2, false]);
  });

  it('refuses what no rung can have before the first is climbed', async () => {
    const out = at('refused');
    const set = ['tokenizer.training.batchSise=3'];
    await expect(climbLadder({ out, set, changes })).rejects.toThrow(/did you mean "batchSize"/);
    await expect(climbLadder({ out, set: ['tokenizer={from: there}'], changes })).rejects.toThrow(/trained/);
    await expect(climbLadder({ out, to: 'top' as 'one-image', changes })).rejects.toThrow(/one-image/);
    await expect(climbLadder({ out, changes, expected: at('nowhere') })).rejects.toThrow(/nowhere/);
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });
});

describe('the rungs that are shipped', () => {
  it.each(rungNames)('%s has expected curves over the steps of its config', async (name) => {
    const { rungs } = await readLadderRecord();
    const config = await readRunConfig(`ladder/${name}`);
    const { tokenizer, transformer } = config;
    if ('from' in tokenizer || !transformer) expect.fail('a rung trains both');
    const last = (curve: readonly (readonly [number, number])[]): number => curve.at(-1)![0];
    expect(tokenizer.training.duration).toEqual({ steps: last(rungs[name]!.psnr) });
    expect(transformer.training.duration).toEqual({ steps: last(rungs[name]!.natsPerToken) });
  });
});
