import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLoopbackPlugin, hasCompiler, it as withFolder, programOptions } from '@vitvq/test-utils/node';
import { afterEach, describe, expect, it } from 'vitest';
import { serveDevices, useEngine } from '../src/engines.js';
import type { MeshOptions } from '../src/mesh.js';
import { plugin } from './pjrt-plugin.js';

const program = fileURLToPath(new URL('programs/train-on-mesh.ts', import.meta.url));

/** A process of a run, and how it ends. */
interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
  /** Resolves once the process has printed a text, or has ended. */
  printed(text: string): Promise<void>;
}

const started = new Set<ChildProcess>();
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
});

function start(mesh: MeshOptions, steps: number, environment: Readonly<Record<string, string>>): Running {
  const child = spawn(process.execPath, [...programOptions, program, JSON.stringify(mesh), String(steps)], {
    env: { ...process.env, ...environment },
  });
  started.add(child);
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      for (const listen of listeners) listen();
    });
  }
  const ended = once(child, 'close').then(([code]) => {
    started.delete(child);
    return { code: code as number | null, output };
  });
  const printed = async (text: string): Promise<void> => {
    const found = new Promise<void>((resolve) => {
      const look = (): void => void (output.includes(text) && resolve());
      listeners.add(look);
      look();
    });
    await Promise.race([found, ended]);
  };
  return { child, ended, printed };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts the processes of a run, each with as many devices of its own. */
async function startAll(
  mesh: MeshOptions,
  { file, processes, devices, steps = 4 }: { file: string; processes: number; devices: number; steps?: number },
): Promise<Running[]> {
  const coordinator = `127.0.0.1:${await freePort()}`;
  return Array.from({ length: processes }, (_, rank) =>
    start(mesh, steps, {
      VITVQ_PJRT_PLUGIN: file,
      VITVQ_LOOPBACK_PLUGIN: plugin,
      VITVQ_LOOPBACK_DEVICES: String(devices),
      VITVQ_RANK: String(rank),
      VITVQ_PROCESSES: String(processes),
      VITVQ_COORDINATOR: coordinator,
    }),
  );
}

const numbersOf = (output: string): unknown => JSON.parse(/^numbers (.*)$/m.exec(output)![1]!);

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
  const build = async (folder: string): Promise<string> => {
    const file = join(folder, 'loopback-plugin.so');
    await buildLoopbackPlugin(file);
    return file;
  };

  withFolder(
    'compute, to the last bit, what one with all devices computes',
    { timeout: 120_000 },
    async ({ folder }) => {
      const file = await build(folder);
      const meshes: [MeshOptions, number, number][] = [
        [{ data: 4 }, 2, 2],
        [{ data: 4, weights: 'sharded' }, 4, 1],
        [{ data: 2, model: 2, weights: 'sharded' }, 2, 2],
      ];
      for (const [mesh, processes, devices] of meshes) {
        const alone = await start(mesh, 4, {}).ended;
        const all = await startAll(mesh, { file, processes, devices });
        const endings = await Promise.all(all.map(({ ended }) => ended));
        expect(endings.map(({ code, output }) => [code, code ? output : ''])).toEqual(all.map(() => [0, '']));
        expect(numbersOf(endings[0]!.output)).toEqual(numbersOf(alone.output));
        // The others run no program: they have nothing to say.
        expect(endings.slice(1).map(({ output }) => output)).toEqual(endings.slice(1).map(() => ''));
      }
    },
  );

  withFolder.each([
    ['is killed', 'SIGKILL', /the loss of process 1 on host .*: its connection/],
    ['stands still', 'SIGSTOP', /the loss of process 1 on host .*: nothing was heard of it for 2 s/],
  ] as const)('stop when one %s', { timeout: 60_000 }, async ([, signal, message], { folder }) => {
    const file = await build(folder);
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

  withFolder('stop when one cannot compute across processes', { timeout: 60_000 }, async () => {
    const all = await startAll({ data: 2 }, { file: plugin, processes: 2, devices: 1 });
    for (const { code, output } of await Promise.all(all.map(({ ended }) => ended))) {
      expect(code).toBe(1);
      expect(output).toContain('expected a plug-in that computes across processes');
    }
  });

  withFolder('stop when the mesh leaves one without a device', { timeout: 60_000 }, async ({ folder }) => {
    const file = await build(folder);
    const all = await startAll({ data: 2 }, { file, processes: 2, devices: 2 });
    for (const { code, output } of await Promise.all(all.map(({ ended }) => ended))) {
      expect(code).toBe(1);
      expect(output).toMatch(/expected a mesh with devices of all 2 processes.*none of which is of process 1/);
    }
  });
});
