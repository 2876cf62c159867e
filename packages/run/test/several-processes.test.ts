import { describe, expect, it } from 'vitest';
import { lendDevices, readProcesses } from '../src/index.js';

const variables = { VITVQ_RANK: '1', VITVQ_PROCESSES: '2', VITVQ_COORDINATOR: 'node1:62000' };

describe('a process among several', () => {
  it('knows its place from variables or flags, and the secret from its variable', () => {
    const place = { rank: 1, processes: 2, coordinator: { host: 'node1', port: 62_000 }, runId: 'run' };
    expect(readProcesses({}, variables)).toEqual({ place });
    expect(readProcesses({ rank: 0 }, { ...variables, VITVQ_SECRET: 'words' })).toEqual({
      place: { ...place, rank: 0 },
      secret: 'words',
    });
  });

  it('is alone where nothing says more, and refused where a part is missing', () => {
    expect(readProcesses({}, {})).toBeUndefined();
    expect(readProcesses({}, { ...variables, VITVQ_RANK: '0', VITVQ_PROCESSES: '1' })).toBeUndefined();
    expect(() => readProcesses({ rank: 1 }, {})).toThrow(/the number of processes/);
  });

  it('lends devices unless it is process 0', async () => {
    const lines: string[] = [];
    const view = { log: (line: string) => void lines.push(line), openProgress: () => expect.fail('nothing is shown') };
    const lent = lendDevices(readProcesses({ rank: 0 }, variables)!, view);
    await expect(lent).rejects.toThrow(/expected a process of Node other than process 0, got process 0/);
    expect(lines).toEqual([expect.stringMatching(/^Process 0 of 2 lends its devices to process 0 at node1:62000, /)]);
  });
});
