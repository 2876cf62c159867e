import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildLoopbackPlugin, hasCompiler, it, runProgram } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import type { LoopbackReport, LoopbackTask } from './loopback-process.js';
import { plugin } from './pjrt-plugin.js';

/** The plug-in for the CPU, also where the environment already names one that wraps it. */
const wrapped = process.env['VITVQ_LOOPBACK_PLUGIN'] ?? plugin;

const program = fileURLToPath(new URL('loopback-process.ts', import.meta.url));

/** Runs processes side by side; each reports what it has got, or the message of an error. */
function runProcesses(tasks: readonly Omit<LoopbackTask, 'wrapped'>[]): Promise<readonly (LoopbackReport | string)[]> {
  return Promise.all(
    tasks.map(async (task) => {
      const { output } = await runProgram(program, [JSON.stringify({ ...task, wrapped })]);
      return JSON.parse(output.trim().split('\n').at(-1)!) as LoopbackReport | string;
    }),
  );
}

describe.skipIf(!plugin || !hasCompiler())('the loopback plug-in for pjrt', () => {
  let file: string;
  it.beforeEach(async ({ temporaryFolder }) => {
    file = join(temporaryFolder, 'libpjrt_loopback.so');
    await buildLoopbackPlugin(file);
  });

  it.each([
    [2, 2],
    [4, 1],
  ])('gives %i processes of %i devices what one process has, bit for bit', async (processes, devices) => {
    const steps = 4;
    const folder = join(file, '..');
    const before = readdirSync(folder);
    const one = { plugin: wrapped, folder, processes: 1, process: 0, devices: 4, steps };
    const [expected] = (await runProcesses([one])) as LoopbackReport[];
    expect(expected).toMatchObject({ process: 0, devices: [0, 1, 2, 3], ownDevices: [0, 1, 2, 3], keptValues: 0 });
    const several = Array.from({ length: processes }, (_, process) => ({
      ...{ plugin: file, folder, processes, process, devices, steps },
    }));
    const reports = await runProcesses(several);
    const ofProcess = [0, 1, 2, 3].map((device) => Math.floor(device / devices));
    const own = (process: number): number[] => [0, 1, 2, 3].filter((device) => ofProcess[device] === process);
    expect(reports).toEqual(
      several.map(({ process }) => ({
        process,
        devices: [0, 1, 2, 3],
        processes: ofProcess,
        ownDevices: own(process),
        losses: expected!.losses.map((bytes) => own(process).map((device) => bytes[device])),
        results: expected!.results.map((bytes) => own(process).map((device) => bytes[device])),
        alone: expected!.alone,
        refusal: expect.stringContaining(`for devices of other processes than ${process}`) as string,
        keptValues: 0,
      })),
    );
    expect(new Set(expected!.losses.map(([bytes]) => bytes)).size).toBe(steps);

    // What was exchanged: all arguments that have elements at first, later the batch alone.
    const keys = readdirSync(folder).filter((name) => !before.includes(name));
    const exchanged = (step: number): string[] =>
      (step === 0 ? [0, 2, 3, 4, 5] : [0]).flatMap((argument) =>
        [0, 1, 2, 3].map((device) => `loopback/x/${step}/${argument}/${device}`),
      );
    expect(keys.map(decodeURIComponent).sort()).toEqual([
      ...several.map(({ process }) => `loopback/devices/${process}`),
      ...Array.from({ length: steps }, (_, step) => exchanged(step)).flat(),
    ]);
  });

  it('refuses processes with different numbers of devices', async ({ temporaryFolder: folder }) => {
    const settings = { plugin: file, folder, processes: 2, steps: 1 };
    const reports = await runProcesses([
      { ...settings, process: 0, devices: 2 },
      { ...settings, process: 1, devices: 1 },
    ]);
    const fix = 'set VITVQ_LOOPBACK_DEVICES alike';
    expect(reports).toEqual([
      expect.stringContaining(`process 0 has 2 devices and process 1 has 1; ${fix}`),
      expect.stringContaining(`process 1 has 1 devices and process 0 has 2; ${fix}`),
    ]);
  });

  it('says what a callback says that fails at the start', async ({ temporaryFolder: folder }) => {
    const task = { plugin: file, folder, processes: 2, process: 0, devices: 2, steps: 1 };
    const reports = await runProcesses([{ ...task, failure: { operation: 'put', call: 1 } }]);
    expect(reports).toEqual([expect.stringMatching(/PJRT_Client_Create: no put today/)]);
  });

  it('says what a callback says that fails in a run', async ({ temporaryFolder: folder }) => {
    const task = { plugin: file, folder, processes: 2, devices: 2, steps: 1 };
    // The first value that is got is the number of the other process's devices.
    const reports = await runProcesses([
      { ...task, process: 0, failure: { operation: 'get', call: 3 } },
      { ...task, process: 1 },
    ]);
    expect(reports).toEqual([
      expect.stringMatching(/PJRT_LoadedExecutable_Execute: no get today/),
      expect.objectContaining({ process: 1 }),
    ]);
  });

  it('refuses a process that is none of them', async ({ temporaryFolder: folder }) => {
    const task = { plugin: file, folder, processes: 2, process: 2, devices: 2, steps: 1 };
    expect(await runProcesses([task])).toEqual([expect.stringMatching(/a node_id below it, got 2 and 2/)]);
  });
});
