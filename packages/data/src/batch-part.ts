import { assertInteger, checkOptions, ConfigError, type OptionTable } from '@vitvq/core';

/** A process among those that share the work; a `ClusterPlace` of `@vitvq/cluster` is one. */
export interface BatchPart {
  /** Number of this process, from 0 on. */
  readonly rank: number;
  /** Number of processes. */
  readonly processes: number;
}

const partNames: OptionTable<BatchPart> = { rank: 'required', processes: 'required' };

/**
 * Returns which of `count` rows belong to a process. The rows of each process are neighbours, those
 * of all processes follow each other, and no process has more than one row more than another.
 * @throws {ConfigError} unless `rank` is one of `processes`
 */
export function rowsOfPart(count: number, part: BatchPart): { readonly begin: number; readonly count: number } {
  assertInteger(count, 'count', 'rowsOfPart', 0);
  const { rank, processes } = checkedPart(part, 'rowsOfPart');
  const each = Math.floor(count / processes);
  // The first processes take what is left over, so that fewer rows never give a process more.
  const over = count % processes;
  return { begin: rank * each + Math.min(rank, over), count: each + (rank < over ? 1 : 0) };
}

/** Throws unless every process gets an image of a whole batch. @throws {ConfigError} */
export function assertPart(part: BatchPart, batchSize: number, where: string): void {
  const { processes } = checkedPart(part, where);
  if (processes <= batchSize) return;
  throw new ConfigError({
    where,
    expected: `a batchSize of at least ${processes}, one image for each process`,
    got: String(batchSize),
    fix: 'batchSize counts the images of all processes together.',
  });
}

function checkedPart(part: BatchPart, where: string): BatchPart {
  const { rank, processes } = checkOptions(part, partNames, `${where}, part`, { allowOthers: true });
  assertInteger(processes, 'processes', `${where}, part`);
  assertInteger(rank, 'rank', `${where}, part`, 0, processes - 1);
  return part;
}
