import { appendFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { TrainingLogFollower } from '../src/index.js';

const line = (step: number, event = 'step'): string => `${JSON.stringify({ event, step, loss: 1 / step })}\n`;

describe('TrainingLogFollower', () => {
  it('reads what is new, and a line only when its end is there', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'metrics.jsonl');
    const follower = new TrainingLogFollower(temporaryFolder);
    expect(await follower.read()).toMatchObject({ entries: [], changedAt: undefined });
    await writeFile(file, line(1) + line(2).slice(0, 9));
    expect((await follower.read()).entries.map(({ step }) => step)).toEqual([1]);
    await appendFile(file, `${line(2).slice(9)}no entry\n${line(2, 'evaluate')}`);
    const { entries, newest, changedAt } = await follower.read();
    expect(entries.map(({ event, step }) => `${event} ${step}`)).toEqual(['step 1', 'step 2', 'evaluate 2']);
    expect(newest.get('step')).toMatchObject({ step: 2, loss: 0.5 });
    expect(changedAt).toBeGreaterThan(0);
  });

  it('begins again where a resumed run has cut the log back or replaced it', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'metrics.jsonl');
    const follower = new TrainingLogFollower(temporaryFolder);
    await writeFile(file, [1, 2, 3].map((step) => line(step)).join(''));
    await follower.read();
    await writeFile(join(temporaryFolder, 'other'), line(1) + line(7) + line(8) + line(9));
    await rename(join(temporaryFolder, 'other'), file);
    expect((await follower.read()).entries.map(({ step }) => step)).toEqual([1, 7, 8, 9]);
    await writeFile(file, line(1));
    expect((await follower.read()).entries.map(({ step }) => step)).toEqual([1]);
  });

  it('keeps a long log thin, and the newest entry', async ({ temporaryFolder }) => {
    const steps = Array.from({ length: 30_000 }, (_, index) => index + 1);
    await writeFile(join(temporaryFolder, 'metrics.jsonl'), steps.map((step) => line(step)).join(''));
    const { entries, newest } = await new TrainingLogFollower(temporaryFolder).read();
    expect(entries.length).toBeGreaterThan(900);
    expect(entries.length).toBeLessThanOrEqual(2000);
    expect(newest.get('step')!.step).toBe(30_000);
  });
});
