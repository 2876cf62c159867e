import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { doctor, useEngine } from '@vitvq/engine';
import '@vitvq/test-utils';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ClassConditioner } from '@vitvq/transformers';
import { createTransformerTrainer } from '../src/index.js';
import type { AdafactorConfig } from '@vitvq/training';
import { classGPT, everywhere, tinyCodeBatches, tinyTransformerTraining } from '@vitvq/test-models';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-adafactor-'));
});
afterEach(async () => {
  await useEngine({ name: 'cpu' });
  await rm(directory, { recursive: true, force: true });
});

interface Run {
  readonly losses: number[];
  readonly weights: number[][];
}

async function train(
  optimizer: AdafactorConfig,
  options: { directory?: string; restore?: boolean; stopAfter?: number } = {},
): Promise<Run> {
  const model = classGPT({ dropout: everywhere });
  const trainer = createTransformerTrainer({
    model,
    conditioner: new ClassConditioner({ classCount: 3 }),
    config: tinyTransformerTraining({ duration: { steps: 8 }, optimizer }),
    openBatches: (startAt) => tinyCodeBatches(startAt),
    directory: options.directory,
    tensorBoard: false,
  });
  if (options.restore) await trainer.restore(options.directory!);
  const stop = new AbortController();
  const losses: number[] = [];
  trainer.on('step', ({ step, values }) => {
    losses.push(values['loss']!);
    if (step === options.stopAfter) stop.abort();
  });
  await trainer.run({ signal: stop.signal });
  trainer.dispose();
  const weights = await Promise.all(
    [...model.namedVariables().values()].map(async (variable) => [...(await variable.data())]),
  );
  return { losses, weights };
}

const plans: [string, AdafactorConfig][] = [
  ['as the paper has it', { kind: 'adafactor', beta1: 0.9, beta2: 0.96, weightDecay: 0 }],
  [
    'without an average of updates, beta2 by the step',
    { kind: 'adafactor', beta1: null, beta2: null, weightDecay: 0.01 },
  ],
];

it.skipIf(!hasOnnx).each(plans)(
  'Adafactor %s, compiled: learns, takes the steps that it takes eagerly, goes on bit for bit when it is resumed',
  async (_, optimizer) => {
    await useEngine({ name: 'cpu' });
    const eager = await train(optimizer);
    await useEngine({ name: 'onnx', threads: 2, onCompile: () => undefined });
    const straight = await train(optimizer);
    expect(straight.losses).toHaveLength(8);
    expect([...straight.losses, ...straight.weights.flat()].every(Number.isFinite)).toBe(true);
    expect(straight.losses.at(-1)).toBeLessThan(straight.losses[0]! - 0.05);
    expect(straight.losses).toBeAllClose(eager.losses, { rtol: 1e-4 });
    const first = await train(optimizer, { directory, stopAfter: 3 });
    const second = await train(optimizer, { directory, restore: true });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    expect(second.weights).toEqual(straight.weights);
  },
);
