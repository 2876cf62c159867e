import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  buildLoopbackPlugin,
  freePort,
  hasCompiler,
  it,
  killStartedPrograms,
  startProgram,
  type StartedProgram,
} from '@vitvq/test-utils/node';
import { afterEach, describe, expect } from 'vitest';

const bin = resolve(import.meta.dirname, '..', 'src', 'main.ts');
const plugin = process.env['VITVQ_PJRT_PLUGIN'] ?? '';

afterEach(killStartedPrograms);

// Without a discriminator there is one program to compile in each process.
const changes = ['duration.steps=12', 'checkpoint.everySteps=3', 'losses.adversarial=0'];
const train = [
  ...['train', 'quickstart-smoke', '--engine', 'pjrt', '--devices', '4'],
  ...changes.flatMap((change) => ['--set', `tokenizer.training.${change}`]),
];

const weightsIn = (run: string): Buffer => readFileSync(join(run, 'tokenizer', 'model', 'model.safetensors'));

describe.skipIf(!plugin || !hasCompiler())('vitvq train on pjrt', () => {
  it(
    'trains over processes; when one is killed, the run goes on with fewer to the same bits',
    { timeout: 480_000 },
    async ({ temporaryFolder: folder }) => {
      const file = join(folder, 'loopback-plugin.so');
      await buildLoopbackPlugin(file);
      const environment = {
        VITVQ_PJRT_PLUGIN: file,
        VITVQ_LOOPBACK_PLUGIN: plugin,
        VITVQ_LOOPBACK_DEVICES: '2',
        VITVQ_SECRET: 'a secret',
      };
      const startBoth = async (out: string): Promise<[StartedProgram, StartedProgram]> => {
        const places = ['--processes', '2', '--coordinator', `127.0.0.1:${await freePort()}`];
        // What it trains is up to process 0, but the other may be given the same words.
        const words = [...train, '--out', out, ...places];
        return [
          startProgram(bin, [...words, '--rank', '0'], environment),
          startProgram(bin, ['train', ...places, '--rank', '1'], environment),
        ];
      };
      const [alone, together] = [join(folder, 'alone'), join(folder, 'together')];

      const [first, second] = await startBoth(together);
      const checkpoint = join(together, 'tokenizer', 'checkpoint-00000003.safetensors');
      while (!existsSync(checkpoint)) {
        if (first.child.exitCode !== null) throw new Error((await first.ended).output);
        await sleep(20);
      }
      second.child.kill('SIGKILL');
      const { code, output } = await first.ended;
      expect(output).toMatch(/the loss of process 1 on host .*: its connection/);
      expect(code).toBe(1);

      const resumed = await startProgram(bin, [...train, '--out', together]).ended;
      expect(resumed.output).toMatch(/going on after step (3|6|9)/);
      expect(resumed.code).toBe(0);

      const undisturbed = await Promise.all((await startBoth(alone)).map(({ ended }) => ended));
      expect(undisturbed.map((ending) => ending.code)).toEqual([0, 0]);
      expect(undisturbed[0]!.output).toContain('2 processes, 4 devices (batches over 4, weights replicated)');
      expect(undisturbed[1]!.output).toMatch(/^Process 1 of 2 lends its devices .*\nProcess 0 is done\.\n$/);
      expect(weightsIn(together).equals(weightsIn(alone))).toBe(true);
    },
  );
});
