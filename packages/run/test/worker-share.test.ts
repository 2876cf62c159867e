import { ConfigError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { workerShare } from '../src/index.js';

describe('workerShare', () => {
  it('is none without a number of workers', () => {
    expect(workerShare({}, { SLURM_ARRAY_TASK_ID: '3', JOB_COMPLETION_INDEX: '3' })).toBeUndefined();
  });

  it('takes what is given before what a scheduler says', () => {
    expect(workerShare({ worker: 0, of: 4 }, { SLURM_ARRAY_TASK_ID: '3' })).toEqual({ index: 0, count: 4 });
  });

  it.each([
    [{ JOB_COMPLETION_INDEX: '2' }, 2],
    [{ SLURM_ARRAY_TASK_ID: '2' }, 2],
    [{ SLURM_ARRAY_TASK_ID: '4', SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_STEP: '1' }, 3],
    [{ SLURM_ARRAY_TASK_ID: '15', SLURM_ARRAY_TASK_MIN: '11', SLURM_ARRAY_TASK_STEP: '2' }, 2],
  ])('reads %j', (environment, index) => {
    expect(workerShare({ of: 4 }, environment)).toEqual({ index, count: 4 });
  });

  it.each([
    [{ worker: 1 }, {}, 'expected the number of workers as well, got worker 1 alone. Add --of <n>.'],
    [{ of: 4 }, {}, 'expected the position of this worker, got none, and neither SLURM_ARRAY_TASK_ID nor'],
    [{ of: 4 }, { JOB_COMPLETION_INDEX: '' }, 'expected the position of this worker'],
    [{ of: 4, worker: 4 }, {}, 'expected a worker from 0 to 3, got 4. Count from 0 on.'],
    [
      { of: 2 },
      { SLURM_ARRAY_TASK_ID: '7', SLURM_ARRAY_TASK_MIN: '3' },
      'a worker from 0 to 1, got 4. Let the job array',
    ],
    [{ of: 2 }, { SLURM_ARRAY_TASK_ID: 'x' }, 'a worker from 0 to 1, got NaN'],
  ])('refuses %j of %j', (place, environment, message) => {
    const share = () => workerShare(place, environment);
    expect(share).toThrow(ConfigError);
    expect(share).toThrow(message);
  });
});
