import { join } from 'node:path';
import { ConfigError, assertOneOf } from '@vitvq/core';
import { FolderLock, writeJson } from '@vitvq/files';
import { writeReport } from '@vitvq/report';
import type { ConfigObject } from '../config/merge-config.js';
import { readRunConfig } from '../config/read-run-config.js';
import type { ResolvedRunConfig } from '../config/run-config.js';
import { silentView, type RunView } from '../run-progress.js';
import { trainRun } from '../train-run.js';
import { compareRung, type RungVerdict } from './compare-curves.js';
import { ladderFile, readLadderRecord, recordOf, type LadderRecord, type RungRecord } from './ladder-record.js';
import { ladderReport } from './ladder-report.js';
import { rungNames, rungs, type RungName } from './rungs.js';

/** Options of {@link climbLadder}. */
export interface ClimbLadderOptions {
  /** Folder of the climb, with a run for each rung; a climb that lies there is gone on with. */
  readonly out: string;
  /** The highest rung to climb. @default 'five-minutes' */
  readonly to?: RungName;
  /** What is tried: fields of every rung's config, as `--set` takes them. @default none */
  readonly set?: readonly string[];
  /** Part of a config that is laid over that of every rung, before `set`. @default none */
  readonly changes?: ConfigObject;
  /**
   * Folder of another climb whose curves are expected, or its `ladder.json`.
   * @default the curves that are shipped
   */
  readonly expected?: string;
  /** Whether to climb on where a rung fails. @default false */
  readonly keepGoing?: boolean;
  /** Delete the climb that lies in the folder, and start over. @default false */
  readonly fresh?: boolean;
  /** Saves and stops when it aborts. @default never */
  readonly signal?: AbortSignal;
  /** @default shows nothing */
  readonly view?: RunView;
}

/** A rung that was climbed. */
export interface ClimbedRung {
  readonly name: RungName;
  readonly record: RungRecord;
  readonly verdict: RungVerdict;
}

/** What a climb came to. */
export interface ClimbedLadder {
  /** From the lowest on; those above one that failed are absent. */
  readonly rungs: readonly ClimbedRung[];
  /** Whether every rung that was asked for is reached. */
  readonly isReached: boolean;
  /** Path of the report. */
  readonly report: string;
}

/**
 * Climbs the reproduction ladder: learns one image by heart, a hundred, then CIFAR-10 for five and
 * for sixty minutes, tokenizer and transformer each time, and compares the curves with those that
 * are expected. A rung that fails says at what size an installation or an idea breaks, so that a
 * long training need not find out. Each rung is a run of the config `ladder/<name>`; its length is
 * in steps, so that the curves do not depend on the speed of the machine.
 *
 * The folder holds a run for each rung, `ladder.json` and `report.html`.
 * @throws {ConfigError} for a change that no config can have, before anything is trained
 * @throws the signal's reason when it was aborted; everything is saved then
 */
export async function climbLadder(options: ClimbLadderOptions): Promise<ClimbedLadder> {
  const { out, to = 'five-minutes', set = [], changes, keepGoing = false, fresh, signal, view = silentView } = options;
  assertOneOf(to, rungNames, 'to', 'climbLadder');
  const wanted = await readLadderRecord(options.expected);
  const names = rungNames.slice(0, rungNames.indexOf(to) + 1);
  // Read all at once: a field that only the last rung refuses is told before the first is climbed.
  const configs = await Promise.all(names.map((name) => readRunConfig(`ladder/${name}`, { set, changes })));
  configs.forEach(assertBothTrained);
  const climbed: ClimbedRung[] = [];
  const lock = await FolderLock.acquire(out);
  try {
    let report = '';
    for (const [index, name] of names.entries()) {
      const config = configs[index]!;
      view.log(`\nRung ${index + 1} of ${names.length}: ${rungs[name].title}`);
      const folder = join(out, name);
      const run = await trainRun(config, { out: folder, fresh, signal, view });
      const record = await recordOf(folder, run);
      const verdict = compareRung(record, wanted.rungs[name], rungs[name]);
      climbed.push({ name, record, verdict });
      const measured: LadderRecord = {
        set,
        seed: config.seed,
        rungs: Object.fromEntries(climbed.map((rung) => [rung.name, rung.record])),
      };
      await writeJson(join(out, ladderFile), measured);
      report = await writeReport(out, await ladderReport(out, climbed, { set, wanted }));
      if (!verdict.isReached && !keepGoing) break;
    }
    const isReached = climbed.length === names.length && climbed.every(({ verdict }) => verdict.isReached);
    return { rungs: climbed, isReached, report };
  } finally {
    await lock.release();
  }
}

/** @throws {ConfigError} */
function assertBothTrained({ tokenizer, transformer }: ResolvedRunConfig): void {
  if (!('from' in tokenizer) && transformer) return;
  throw new ConfigError({
    where: 'climbLadder',
    expected: 'a tokenizer and a transformer that are trained: their curves are what is compared',
    got: 'from' in tokenizer ? `tokenizer.from: ${tokenizer.from}` : 'no transformer',
  });
}
