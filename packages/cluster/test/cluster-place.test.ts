import { ConfigError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { readClusterPlace } from '../src/index.js';

const slurm = {
  SLURM_JOB_ID: '4100',
  SLURM_STEP_ID: '2',
  SLURM_PROCID: '5',
  SLURM_NTASKS: '8',
  SLURM_JOB_NODELIST: 'gpu[01-04]',
};
const kubernetes = { JOB_COMPLETION_INDEX: '1', VITVQ_PROCESSES: '3', VITVQ_COORDINATOR: 'train-0.train:62000' };

describe('readClusterPlace', () => {
  it('returns undefined for a process that is alone', () => {
    expect(readClusterPlace({})).toBeUndefined();
    expect(readClusterPlace({ VITVQ_PROCESSES: '1' })).toBeUndefined();
    expect(readClusterPlace({}, { processes: 1, rank: 0 })).toBeUndefined();
    expect(readClusterPlace({ SLURM_PROCID: '0', SLURM_NTASKS: '1' })).toBeUndefined();
    expect(readClusterPlace({ SLURM_PROCID: '0', SLURM_JOB_ID: '7' })).toBeUndefined();
    // Jobs of a sweep have an index each and do not know each other.
    expect(readClusterPlace({ JOB_COMPLETION_INDEX: '4' })).toBeUndefined();
    expect(readClusterPlace({ VITVQ_RANK: '', VITVQ_PROCESSES: '' })).toBeUndefined();
  });

  it('reads flags, as numbers or texts, and its own variables', () => {
    const coordinator = 'localhost:62000';
    const expected = { rank: 1, processes: 4, coordinator: { host: 'localhost', port: 62_000 }, runId: 'run' };
    expect(readClusterPlace({}, { rank: 1, processes: 4, coordinator })).toEqual(expected);
    expect(readClusterPlace({}, { rank: '1', processes: '4', coordinator })).toEqual(expected);
    const variables = { VITVQ_RANK: '1', VITVQ_PROCESSES: '4', VITVQ_COORDINATOR: coordinator };
    expect(readClusterPlace(variables)).toEqual(expected);
    expect(readClusterPlace({ ...variables, VITVQ_RUN_ID: 'b' })?.runId).toBe('b');
    expect(readClusterPlace(variables, { rank: 2, runId: 'c' })).toEqual({ ...expected, rank: 2, runId: 'c' });
    expect(readClusterPlace({ ...slurm, ...variables })).toEqual(expected);
    expect(readClusterPlace({ ...variables, VITVQ_COORDINATOR: '[fd00::1]:62000' })?.coordinator.host).toBe('fd00::1');
  });

  it('reads what Slurm says', () => {
    expect(readClusterPlace(slurm)).toEqual({
      rank: 5,
      processes: 8,
      coordinator: { host: 'gpu01', port: 61_444 },
      runId: 'slurm-4100.2',
    });
    const ofStep = { ...slurm, SLURM_STEP_NODELIST: 'gpu03,gpu04', SLURM_STEP_NUM_TASKS: '6' };
    expect(readClusterPlace(ofStep)).toMatchObject({ processes: 6, coordinator: { host: 'gpu03' } });
    expect(readClusterPlace({ ...slurm, PMI_RANK: '5', PMI_SIZE: '8' })?.runId).toBe('slurm-4100.2');
    const given = { ...slurm, VITVQ_COORDINATOR: 'gpu01-ib:62000' };
    expect(readClusterPlace(given)?.coordinator).toEqual({ host: 'gpu01-ib', port: 62_000 });
  });

  it.each([
    ['node[003-007,12],other1', 'node003'],
    ['node7', 'node7'],
    ['node7,node[1-3]', 'node7'],
    ['rack[2-3]-node[08,10-12]', 'rack2-node08'],
    ['a.b-c_d[1]', 'a.b-c_d1'],
    ['n[1-2]x', 'n1x'],
  ])('finds the first host of %s', (list, host) => {
    expect(readClusterPlace({ ...slurm, SLURM_JOB_NODELIST: list })?.coordinator.host).toBe(host);
  });

  it.each(['', ',node1', 'node[', 'node[]', 'node[a-b]', 'node 1', '$(reboot)', 'node[1', `${'n'.repeat(300)}`])(
    'refuses the list of hosts %j',
    (list) => {
      const environment = { ...slurm, SLURM_JOB_NODELIST: list };
      // An empty variable is none, so that the coordinator is missing.
      const message = list === '' ? 'expected the coordinator' : 'expected SLURM_JOB_NODELIST to be a list of hosts';
      expect(() => readClusterPlace(environment)).toThrow(message);
    },
  );

  it('reads an indexed job of Kubernetes, Open MPI and PMI', () => {
    const coordinator = { host: 'train-0.train', port: 62_000 };
    expect(readClusterPlace(kubernetes)).toEqual({ rank: 1, processes: 3, coordinator, runId: 'run' });
    const { VITVQ_COORDINATOR } = kubernetes;
    const openMpi = { OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '4', PMIX_NAMESPACE: 'prterun-9@1' };
    const expected = { rank: 2, processes: 4, coordinator, runId: 'prterun-9@1' };
    expect(readClusterPlace({ ...openMpi, VITVQ_COORDINATOR })).toEqual(expected);
    // mpirun within a job of Slurm: Slurm counts the helpers that mpirun starts, one on each host.
    const within = { ...slurm, SLURM_PROCID: '0', SLURM_NTASKS: '2' };
    expect(readClusterPlace({ ...within, ...openMpi, VITVQ_COORDINATOR })).toEqual(expected);
    const pmi = { PMI_RANK: '2', PMI_SIZE: '4', VITVQ_COORDINATOR };
    expect(readClusterPlace(pmi)).toEqual({ ...expected, runId: 'run' });
    expect(readClusterPlace({ ...within, ...pmi })).toEqual({ ...expected, runId: 'run' });
  });

  it.each([
    ['a rank that is too high', { ...slurm, SLURM_PROCID: '8' }, 'expected SLURM_PROCID below 8 (SLURM_NTASKS), got 8'],
    ['no number', { ...slurm, SLURM_NTASKS: 'x' }, 'expected SLURM_NTASKS to be an integer of 1 to 65536, got "x"'],
    [
      'a negative rank',
      { VITVQ_RANK: '-1', VITVQ_PROCESSES: '2' },
      'expected VITVQ_RANK to be an integer of at least 0',
    ],
    ['a fraction', { ...kubernetes, VITVQ_PROCESSES: '2.5' }, 'expected VITVQ_PROCESSES to be an integer'],
    [
      'no coordinator',
      { VITVQ_RANK: '0', VITVQ_PROCESSES: '2' },
      'got neither the flag coordinator nor VITVQ_COORDINATOR',
    ],
    ['no coordinator of MPI', { PMI_RANK: '0', PMI_SIZE: '2' }, 'Give the same host:port of the host of process 0'],
    [
      'a coordinator without port',
      { ...kubernetes, VITVQ_COORDINATOR: 'host' },
      'expected VITVQ_COORDINATOR to be host:port',
    ],
    [
      'a port that is too high',
      { ...kubernetes, VITVQ_COORDINATOR: 'host:70000' },
      'with a port of 1 to 65535, got "host:70000"',
    ],
    [
      'an address with a path',
      { ...kubernetes, VITVQ_COORDINATOR: 'http://a:1' },
      'expected VITVQ_COORDINATOR to be host:port',
    ],
    ['a rank without a number', { VITVQ_RANK: '1' }, 'expected the number of processes, because VITVQ_RANK says'],
    ['a number without a rank', { VITVQ_PROCESSES: '2' }, 'expected the rank, because VITVQ_PROCESSES says'],
    ['a coordinator alone', { VITVQ_COORDINATOR: 'a:1' }, 'expected the rank, because VITVQ_COORDINATOR says'],
    ['Slurm without a number', { SLURM_PROCID: '3' }, 'expected the number of processes, because SLURM_PROCID says'],
    [
      'two numbers',
      { ...slurm, VITVQ_PROCESSES: '4' },
      'expected VITVQ_PROCESSES and SLURM_NTASKS to say the same, got 4 and 8',
    ],
    [
      'a long run',
      { ...kubernetes, VITVQ_RUN_ID: 'x'.repeat(300) },
      'expected VITVQ_RUN_ID of at most 256 characters, got 300',
    ],
  ])('refuses %s', (_, environment, message) => {
    expect(() => readClusterPlace(environment)).toThrow(ConfigError);
    expect(() => readClusterPlace(environment)).toThrow(message);
  });

  it('refuses flags that make no sense', () => {
    expect(() => readClusterPlace({}, { rank: 4, processes: 4, coordinator: 'a:1' })).toThrow(
      'expected the flag rank below 4 (the flag processes), got 4',
    );
    expect(() => readClusterPlace({}, { rank: 1 })).toThrow('because the flag rank says');
    expect(() => readClusterPlace({}, { ranks: 1 } as object)).toThrow('unknown option "ranks" (did you mean "rank"?)');
  });
});
