import '@tensorflow/tfjs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { randomKey } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { hasEngine } from '@vitvq/test-utils';
import { it } from '@vitvq/test-utils/node';
import { killedRun, leftBy } from './killed-run.js';
import { killedTrainer } from './tiny-gan.js';

describe.skipIf(!(await hasEngine('onnx')))('a run that is killed three times in its life', () => {
  it(
    'goes on as if it had not been, bit for bit: losses, weights, optimizers, averages, best checkpoint',
    { timeout: 600_000 },
    async ({ temporaryFolder }) => {
      const [straight, killed] = [join(temporaryFolder, 'straight'), join(temporaryFolder, 'killed')];
      await useEngine({ name: 'onnx', threads: 1, onCompile: () => undefined });
      const trainer = killedTrainer(straight);
      await trainer.run();
      trainer.dispose();

      const kills = await killedRun(killed, 3, randomKey(20));
      expect(new Set(kills.map(({ discriminator }) => discriminator))).toContain('before its start');
      expect(new Set(kills.map(({ discriminator }) => discriminator))).toContain('in the loss');

      const expected = (await leftBy(straight)) as {
        newest: { tensors: Map<string, unknown> };
        leftovers: string[];
      };
      expect(expected.leftovers).toEqual([]);
      expect(expected.newest.tensors.size).toBeGreaterThan(150);
      expect(await leftBy(killed)).toEqual(expected);
    },
  );
});
