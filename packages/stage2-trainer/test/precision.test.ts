import '@tensorflow/tfjs';
import { useEngine, type Precision } from '@vitvq/engine';
import { classGPT, tinyCodeBatches, tinyTransformerTraining } from '@vitvq/test-models';
import { compilingEngines } from '@vitvq/test-utils';
import { ClassConditioner } from '@vitvq/transformers';
import { afterAll, describe, expect, it } from 'vitest';
import { createTransformerTrainer } from '../src/index.js';

/** Trains a GPT for a few steps and returns its losses. */
async function losses(precision: Precision): Promise<number[]> {
  const trainer = createTransformerTrainer({
    model: classGPT(),
    conditioner: new ClassConditioner({ classCount: 3 }),
    config: tinyTransformerTraining({ duration: { steps: 3 }, precision }),
    openBatches: (startAt) => tinyCodeBatches(startAt),
  });
  const values: number[] = [];
  trainer.on('step', (report) => void values.push(report.values['loss']!));
  await trainer.run();
  trainer.dispose();
  return values;
}

for (const { name: engine, isHere } of await compilingEngines()) {
  // No program that imitates a GPU computes in float16.
  describe.skipIf(!isHere || engine === 'onnx-webgpu')(`a transformer on the engine ${engine}`, () => {
    afterAll(async () => {
      await useEngine({ name: 'cpu' });
    });

    it('learns in bfloat16 and float16 as in float32', async () => {
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
      const exact = await losses('float32');
      for (const precision of ['bfloat16', 'float16'] as const) {
        const narrow = await losses(precision);
        expect(narrow).toBeAllClose(exact, { rtol: 0.02 });
        expect(narrow).not.toEqual(exact);
      }
    });
  });
}
