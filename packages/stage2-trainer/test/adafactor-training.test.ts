import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { doctor, useEngine } from '@vitvq/engine';
import '@vitvq/test-utils';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tinyTransformerTraining } from '@vitvq/test-models';
import type { AdafactorConfig } from '@vitvq/training';
import { train } from './train-tiny.js';

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

async function trainWith(
  optimizer: AdafactorConfig,
  { directory, restore, stopAfter }: { directory?: string; restore?: boolean; stopAfter?: number } = {},
): Promise<Run> {
  const { reports, model } = await train(
    { config: tinyTransformerTraining({ duration: { steps: 8 }, optimizer }), directory },
    { restore, stopAfter },
  );
  const weights = await Promise.all(
    [...model.namedVariables().values()].map(async (variable) => [...(await variable.data())]),
  );
  return { losses: reports.map(({ values }) => values['loss']!), weights };
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
    const eager = await trainWith(optimizer);
    await useEngine({ name: 'onnx', threads: 2, onCompile: () => undefined });
    const straight = await trainWith(optimizer);
    expect(straight.losses).toHaveLength(8);
    expect([...straight.losses, ...straight.weights.flat()].every(Number.isFinite)).toBe(true);
    expect(straight.losses.at(-1)).toBeLessThan(straight.losses[0]! - 0.05);
    expect(straight.losses).toBeAllClose(eager.losses, { rtol: 1e-4 });
    const first = await trainWith(optimizer, { directory, stopAfter: 3 });
    const second = await trainWith(optimizer, { directory, restore: true });
    expect([...first.losses, ...second.losses]).toEqual(straight.losses);
    expect(second.weights).toEqual(straight.weights);
  },
);
