import type { WorkerShare } from '@vitvq/codes';
import { ConfigError } from '@vitvq/core';

/** What a worker is told of its place among others. */
export interface WorkerPlace {
  /** Position, from 0 on. @default what the scheduler says */
  readonly worker?: number;
  /** Number of workers; undefined: any number, none of which has a part of its own. */
  readonly of?: number;
}

/**
 * Returns the part of a worker among others; undefined for one that takes what is free. Its
 * position is that of the task in a job array of Slurm, or of the pod in an indexed job of
 * Kubernetes, where it is not given.
 * @param environment  variables of the process
 * @throws {ConfigError} when there is no position, or none that is below the number of workers
 */
export function workerShare(
  { worker, of: count }: WorkerPlace,
  environment: Readonly<Record<string, string | undefined>>,
): WorkerShare | undefined {
  if (count === undefined) {
    if (worker === undefined) return undefined;
    throw refused('the number of workers as well', `worker ${worker} alone`, 'Add --of <n>.');
  }
  const index = worker ?? indexOf(environment);
  if (index === undefined) {
    throw refused(
      'the position of this worker',
      'none, and neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX',
      'Add --worker <i>, or leave --of out: workers then take any shard that is free.',
    );
  }
  if (Number.isInteger(index) && index >= 0 && index < count) return { index, count };
  throw refused(
    `a worker from 0 to ${count - 1}`,
    String(index),
    worker === undefined ? 'Let the job array begin anywhere, without gaps, or add --worker <i>.' : 'Count from 0 on.',
  );
}

/** Returns the position that a scheduler gave this process; undefined without one. */
function indexOf(environment: Readonly<Record<string, string | undefined>>): number | undefined {
  const number = (name: string): number | undefined => {
    const text = environment[name];
    return text === undefined || text.trim() === '' ? undefined : Number(text);
  };
  const task = number('SLURM_ARRAY_TASK_ID');
  if (task === undefined) return number('JOB_COMPLETION_INDEX');
  // An array may be --array=1-16, or --array=0-30:2.
  return (task - (number('SLURM_ARRAY_TASK_MIN') ?? 0)) / (number('SLURM_ARRAY_TASK_STEP') ?? 1);
}

function refused(expected: string, got: string, fix: string): ConfigError {
  return new ConfigError({ where: 'tokenize', expected, got, fix });
}
