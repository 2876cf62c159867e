import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  buildLoopbackPlugin,
  freePort,
  hasCompiler,
  killStartedPrograms,
  startProgram,
  type StartedProgram,
} from '@vitvq/test-utils/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { serveDevices, useEngine } from '../src/engines.js';
import type { MeshOptions } from '../src/mesh.js';
import { plugin } from './pjrt-plugin.js';

const program = fileURLToPath(new URL('programs/train-on-mesh.ts', import.meta.url));

afterEach(killStartedPrograms);

/** Starts a process that trains on a mesh; see the program for how it ends. */
function start(
  mesh: MeshOptions,
  { steps = 4, ending = '' }: { readonly steps?: number; readonly ending?: 'fail' | 'leave' | '' },
  environment: Readonly<Record<string, string>>,
): StartedProgram {
  return startProgram(program, [JSON.stringify(mesh), String(steps), ending], environment);
}

/** The processes of a run. */
interface RunOfSeveral {
  /** File of the plug-in. */
  readonly file: string;
  readonly processes: number;
  /** Devices of each. */
  readonly devices: number;
  readonly steps?: number;
  readonly ending?: 'fail' | 'leave';
}

/** Starts the processes of a run. */
async function startAll(
  mesh: MeshOptions,
  { file, processes, devices, ...rest }: RunOfSeveral,
): Promise<StartedProgram[]> {
  const coordinator = `127.0.0.1:${await freePort()}`;
  return Array.from({ length: processes }, (_, rank) =>
    start(mesh, rest, {
      VITVQ_PJRT_PLUGIN: file,
      VITVQ_LOOPBACK_PLUGIN: plugin,
      VITVQ_LOOPBACK_DEVICES: String(devices),
      VITVQ_RANK: String(rank),
      VITVQ_PROCESSES: String(processes),
      VITVQ_COORDINATOR: coordinator,
    }),
  );
}

function numbersOf(output: string): unknown {
  const numbers = /^numbers (.*)$/m.exec(output)?.[1];
  if (numbers === undefined) throw new Error(`the program printed no numbers: ${output}`);
  return JSON.parse(numbers);
}

describe('a process', () => {
  const place = { rank: 1, processes: 2, coordinator: { host: '127.0.0.1', port: 62_000 }, runId: 'run' };

  it('other than 0 runs no program', async () => {
    await expect(useEngine({ name: 'pjrt', mesh: { data: 2 }, processes: { place } })).rejects.toThrow(
      /useEngine: expected process 0 of the run, got process 1. .*serveDevices/,
    );
  });

  it('that is process 0 lends nothing', async () => {
    await expect(serveDevices({ place: { ...place, rank: 0 } })).rejects.toThrow(
      /serveDevices: expected a process of Node other than process 0/,
    );
  });

  it('needs a mesh with a device of each process', async () => {
    await expect(useEngine({ name: 'pjrt', processes: { place: { ...place, rank: 0 } } })).rejects.toThrow(
      /expected a mesh with devices of all 2 processes, got a mesh of 1/,
    );
  });
});

describe.skipIf(!plugin || !hasCompiler())('several processes of pjrt', () => {
  let folder: string;
  let file: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vitvq-test-'));
    file = join(folder, 'loopback-plugin.so');
    await buildLoopbackPlugin(file);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('compute, to the last bit, what one with all devices computes', { timeout: 300_000 }, async () => {
    const meshes: [MeshOptions, number, number][] = [
      [{ data: 4 }, 2, 2],
      [{ data: 4, weights: 'sharded' }, 4, 1],
      [{ data: 2, model: 2, weights: 'sharded' }, 2, 2],
    ];
    for (const [mesh, processes, devices] of meshes) {
      const alone = await start(mesh, {}, {}).ended;
      const all = await startAll(mesh, { file, processes, devices });
      const endings = await Promise.all(all.map(({ ended }) => ended));
      expect(endings.map(({ code, output }) => [code, code ? output : ''])).toEqual(all.map(() => [0, '']));
      expect(numbersOf(endings[0]!.output)).toEqual(numbersOf(alone.output));
      // The others run no program: they have nothing to say.
      expect(endings.slice(1).map(({ output }) => output)).toEqual(endings.slice(1).map(() => ''));
    }
  });

  it('end in peace with programs from the disk', { timeout: 180_000 }, async () => {
    const run = () => start({ data: 2 }, { steps: 2 }, { VITVQ_CACHE: join(folder, 'cache') }).ended;
    const [compiled, loaded] = [await run(), await run()];
    expect(loaded.output).toBe(compiled.output);
    expect(loaded.code).toBe(0);
  });

  it.each([
    ['is killed', 'SIGKILL', /the loss of process 1 on host .*: its connection/],
    ['stands still', 'SIGSTOP', /the loss of process 1 on host .*: nothing was heard of it for 4 s/],
  ] as const)('stop when one %s', { timeout: 180_000 }, async (_state, signal, message) => {
    const [first, second, third] = await startAll({ data: 3 }, { file, processes: 3, devices: 1, steps: 1e6 });
    await first!.printed('step 2');
    second!.child.kill(signal);
    for (const { ended } of [first!, third!]) {
      const { code, output } = await ended;
      expect(code).toBe(1);
      expect(output).toMatch(message);
      expect(output).toContain('Start the run again: it can go on from its last checkpoint');
    }
  });

  it('stop with the reason when the program fails', { timeout: 180_000 }, async () => {
    const all = await startAll({ data: 2 }, { file, processes: 2, devices: 1, ending: 'fail' });
    const [first, second] = await Promise.all(all.map(({ ended }) => ended));
    expect([first!.code, second!.code]).toEqual([1, 1]);
    expect(first!.output).toContain('the numbers are wrong');
    expect(second!.output).toMatch(/the loss of process 0 on host .*: it failed: .*the numbers are wrong/);
  });

  it('lose a process 0 that ends without a word', { timeout: 180_000 }, async () => {
    const all = await startAll({ data: 2 }, { file, processes: 2, devices: 1, ending: 'leave' });
    const [first, second] = await Promise.all(all.map(({ ended }) => ended));
    expect(first!.code).toBe(0);
    expect(second!.output).toMatch(/the loss of process 0 on host .*: its connection/);
    expect(second!.code).toBe(1);
  });

  it('stop together when another one than process 0 is asked to', { timeout: 180_000 }, async () => {
    const [first, second] = await startAll({ data: 2 }, { file, processes: 2, devices: 1, steps: 1e6 });
    await first!.printed('step 2');
    second!.child.kill('SIGTERM');
    const endings = await Promise.all([first!.ended, second!.ended]);
    expect(endings.map(({ code }) => code)).toEqual([0, 0]);
    expect(numbersOf(endings[0].output)).toBeDefined();
  });

  it('stop when one cannot compute across processes', { timeout: 180_000 }, async () => {
    const all = await startAll({ data: 2 }, { file: plugin, processes: 2, devices: 1 });
    for (const { code, output } of await Promise.all(all.map(({ ended }) => ended))) {
      expect(code).toBe(1);
      expect(output).toContain('expected a plug-in that computes across processes');
    }
  });

  it('stop when the mesh leaves one without a device', { timeout: 180_000 }, async () => {
    const all = await startAll({ data: 2 }, { file, processes: 2, devices: 2 });
    for (const { code, output } of await Promise.all(all.map(({ ended }) => ended))) {
      expect(code).toBe(1);
      expect(output).toMatch(/expected a mesh with devices of all 2 processes.*none of which is of process 1/);
    }
  });
});
