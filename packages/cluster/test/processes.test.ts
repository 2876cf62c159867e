import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { permutation, randomKey } from '@vitvq/core';
import { freePort, it, killStartedPrograms, startProgram, type StartedProgram } from '@vitvq/test-utils/node';
import { afterEach, describe, expect } from 'vitest';
import { joinCluster } from '../src/index.js';
import { trainToy, type ToyResult } from './toy-training.js';

const programs = {
  member: fileURLToPath(new URL('./programs/member.ts', import.meta.url)),
  train: fileURLToPath(new URL('./programs/train.ts', import.meta.url)),
};

afterEach(killStartedPrograms);

/**
 * Starts the processes of a run in a random order.
 * @param beforeLast  is awaited before the last of them is started, so that the others still wait
 */
async function startAll(
  program: keyof typeof programs,
  processes: number,
  argv: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  beforeLast?: (port: number) => Promise<void>,
): Promise<StartedProgram[]> {
  const port = await freePort();
  const running: StartedProgram[] = [];
  const order = [...permutation(randomKey(Date.now()), processes)];
  // Process 0 has to be there for whoever comes before the last one.
  if (beforeLast && order.at(-1) === 0) order.unshift(order.pop()!);
  for (const [count, rank] of order.entries()) {
    if (count === processes - 1) await beforeLast?.(port);
    running[rank] = startProgram(programs[program], argv, {
      VITVQ_RANK: String(rank),
      VITVQ_PROCESSES: String(processes),
      VITVQ_COORDINATOR: `127.0.0.1:${port}`,
      VITVQ_RUN_ID: 'test',
      ...environment,
    });
  }
  return running;
}

const without = (running: readonly StartedProgram[], rank: number): StartedProgram[] =>
  running.filter((_, each) => each !== rank);

// Windows has no signals that stop a process.
describe.skipIf(process.platform === 'win32')('processes on one host', () => {
  it('find each other in any order, exchange keys and leave; a stranger is refused', async () => {
    const secret = 'a secret';
    const running = await startAll('member', 4, [], { SECRET: secret }, async (port) => {
      const coordinator = { host: '127.0.0.1', port };
      const place = { rank: 1, processes: 4, coordinator, runId: 'another run' };
      await expect(joinCluster(place, { secret, joinSeconds: 30 })).rejects.toThrow(
        /a refusal: it belongs to another run, "another run"/,
      );
    });
    const found = [0, 1, 2, 3].map((rank) => `value of ${rank}`);
    const seen = JSON.stringify({ found, told: 'from the last', pids: 4 });
    for (const [rank, { ended }] of running.entries()) {
      expect(await ended).toMatchObject({ code: 0, output: `joined ${rank}\n${seen}\nleft\n` });
    }
  });

  it.for([
    ['killed', 'SIGKILL', 'its connection was closed, so it has ended without leaving'],
    ['stopped', 'SIGSTOP', 'nothing was heard of it for 2 s'],
  ] as const)('stop within seconds when one is %s', async ([, signal, reason]) => {
    const running = await startAll('member', 3, ['wait'], { HANG_SECONDS: '2' });
    await Promise.all(running.map(({ printed }, rank) => printed(`joined ${rank}`)));
    const before = performance.now();
    running[2]!.child.kill(signal);
    for (const { ended } of without(running, 2)) {
      const { code, output, at } = await ended;
      expect(output).toContain('expected all 3 processes to go on, got the loss of process 2 on host ');
      expect(output).toContain(`: ${reason}. Start the run again`);
      expect(output).toContain('aborted');
      expect(code).toBe(3);
      expect(at - before).toBeLessThan(8_000);
    }
    // Whoever stood still and goes on is told that the run went on without it.
    running[2]!.child.kill('SIGCONT');
    expect((await running[2]!.ended).output).toContain(signal === 'SIGSTOP' ? `process 2 on host` : 'joined 2');
  });
});

describe.skipIf(process.platform === 'win32')('a training of several processes', () => {
  it('that is killed goes on with fewer, to the result of one process', async ({ temporaryFolder: folder }) => {
    const alone = await joinCluster(undefined);
    const expected = await trainToy(alone, join(folder, 'alone'));
    await alone.leave();
    // 23 steps are 4 epochs of 5 batches, and 3 batches of 8 images.
    expect(expected.seen.reduce((sum, times) => sum + times, 0)).toBe(4 * 37 + 3 * 8);
    expect(new Set(expected.seen)).toEqual(new Set([4, 5]));

    const shared = join(folder, 'shared');
    const four = await startAll('train', 4, [shared, '10']);
    await four[0]!.printed('step 10\n');
    const before = performance.now();
    four[0]!.child.kill('SIGKILL');
    for (const { ended } of without(four, 0)) {
      const { code, output, at } = await ended;
      expect(output).toContain(
        'stopped: cluster: expected all 4 processes to go on, got the loss of process 0 on host',
      );
      expect(code).toBe(3);
      expect(at - before).toBeLessThan(8_000);
    }

    const two = await startAll('train', 2, [shared, '-1']);
    for (const { ended } of two) {
      const { code, output } = await ended;
      const result = JSON.parse(/^result (.*)$/m.exec(output)?.[1] ?? output) as ToyResult;
      // Step 8 is the last checkpoint before the end of process 0, in the middle of an epoch.
      expect(result).toEqual({ ...expected, startedAt: 8 });
      expect(code).toBe(0);
    }
  });
});
