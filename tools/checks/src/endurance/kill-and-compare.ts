import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { foldIn, randomKey } from '@vitvq/core';
import { TrainingKiller, type Kill, type TrainingKillerOptions } from './killed-training.js';
import { leftBy } from './left-by.js';

/** Options of {@link killAndCompare}. */
export interface KillAndCompareOptions extends TrainingKillerOptions {
  /** Number of kills altogether. */
  readonly kills: number;
  /** Number of kills in the life of one training. */
  readonly killsOfRun: number;
  readonly seed: number;
  /** Called after each training, with the kills so far and whether it left the same bits. */
  readonly onRun?: (kills: number, isSame: boolean) => void;
}

/** What came of kills. */
export interface KillOutcome {
  readonly kills: readonly Kill[];
  /** Number of trainings that were killed. */
  readonly runs: number;
  /** Number of those that left other bits than a training that was left alone. */
  readonly different: number;
  /** Number of tensors that were compared after each training. */
  readonly tensors: number;
}

/**
 * Kills trainings over their whole life until there were enough kills, and compares what each
 * leaves with what a training leaves that runs in one go.
 */
export async function killAndCompare(options: KillAndCompareOptions): Promise<KillOutcome> {
  const { seed, onRun = () => undefined } = options;
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-kills-'));
  const killer = new TrainingKiller(options);
  const kills: Kill[] = [];
  let [runs, different] = [0, 0];
  try {
    const straight = join(folder, 'straight');
    await killer.trainStraight(straight);
    const expected = await leftBy(straight);
    while (kills.length < options.kills) {
      const directory = join(folder, `killed-${runs}`);
      const count = Math.min(options.killsOfRun, options.kills - kills.length);
      kills.push(...(await killer.trainKilled(directory, count, foldIn(randomKey(seed), runs++))));
      const isSame = isDeepStrictEqual(await leftBy(directory), expected);
      if (!isSame) different++;
      onRun(kills.length, isSame);
      await rm(directory, { recursive: true });
    }
    return { kills, runs, different, tensors: expected.newest.tensors.size };
  } finally {
    killer.close();
    await rm(folder, { recursive: true, force: true });
  }
}
