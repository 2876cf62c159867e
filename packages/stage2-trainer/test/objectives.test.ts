import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, randomKey, type CodeBatch } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { classGPT, everywhere, grid, tinyCodes, tinyTransformerTraining, vocabSize } from '@vitvq/test-models';
import { compilingEngines, expectNoTensorLeak, hasEngine } from '@vitvq/test-utils';
import type { StepReport } from '@vitvq/training';
import { AnyOrderTransformer, MaskedTransformer, RAR, type AnyTokenModel } from '@vitvq/transformers';
import { TransformerEvaluator, type TransformerBatchSource } from '../src/index.js';
import { conditioner, train } from './train-tiny.js';

const compiling = await compilingEngines();
beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
afterAll(() => useEngine({ name: 'cpu' }));

const positions = grid[0] * grid[1];
const size = { vocabSize, grid, conditionVocabSize: conditioner.vocabSize, dim: 16, depth: 1, numHeads: 2 };
const options = { ...size, mlpDim: 32, dropout: everywhere, key: randomKey(3) };
const rar = (): RAR => new RAR(options);

/** Models of which an objective draws something. */
const models: [string, () => AnyTokenModel & { dispose(): void }][] = [
  ['RAR', rar],
  ['AnyOrderTransformer', () => new AnyOrderTransformer(options)],
  ['MaskedTransformer', () => new MaskedTransformer(options)],
];

/** Returns codes that count up along the image, from another one in each image. */
function countedCodes(): CodeBatch {
  const batch = tinyCodes(0, 8, 1);
  return { ...batch, tokens: batch.tokens.map((_, at) => (Math.floor(at / positions) + at) % vocabSize) };
}

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values['loss']!);

describe('random orders', () => {
  it('change what a step learns, and only where they are asked for', async () => {
    const never = tinyTransformerTraining({ orderAnnealing: { start: 0, end: 0 } });
    const always = tinyTransformerTraining({ orderAnnealing: { start: 1, end: 1 } });
    const [raster, random, usual] = [
      await train({ model: rar(), config: never }),
      await train({ model: rar(), config: always }),
      await train({ model: rar() }),
    ];
    expect(losses(random.reports)).not.toEqual(losses(raster.reports));
    // Six steps: the first three are random, as they are always.
    expect(losses(usual.reports).slice(0, 3)).toEqual(losses(random.reports).slice(0, 3));
  });

  it('are refused for models that take none, and with an end before the start', async () => {
    const config = tinyTransformerTraining({ orderAnnealing: {} });
    await expect(train({ model: classGPT(), config })).rejects.toThrow(ConfigError);
    await expect(train({ model: classGPT(), config })).rejects.toThrow(
      /orderAnnealing: expected none for a model that takes no orders; a RAR/,
    );
    const backwards = tinyTransformerTraining({ orderAnnealing: { start: 0.8 } });
    await expect(train({ model: rar(), config: backwards })).rejects.toThrow(/orderAnnealing\.end .*at least start/);
  });
});

describe.each(models)('training a %s', (_name, create) => {
  it('draws again alike when it is resumed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vitvq-orders-'));
    try {
      const config = tinyTransformerTraining({ accumulate: 2, conditionDropRate: 0.3 });
      const straight = await train({ model: create(), config });
      const first = await train({ model: create(), config, directory }, { stopAfter: 2 });
      const second = await train({ model: create(), config, directory }, { restore: true });
      expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  for (const { name, isHere } of compiling) {
    it.skipIf(!isHere)(`take the same steps on ${name} and eagerly`, async () => {
      const eager = await train({ model: create() });
      await useEngine({ name, threads: 2, onCompile: () => undefined });
      const compiled = await train({ model: create() });
      await useEngine({ name: 'cpu' });
      expect(losses(compiled.reports)).toBeAllClose(losses(eager.reports), { rtol: 1e-4 });
    });
  }

  it('leaves no tensors behind', async () => {
    const model = create();
    const config = tinyTransformerTraining({ duration: { steps: 2 }, accumulate: 2 });
    await expectNoTensorLeak(async () => {
      await train({ model, config });
    });
    model.dispose();
  });

  it('learns the codes, and measures the same at every call', async () => {
    // Compiled where that is possible: it takes the same steps in a third of the time.
    await useEngine({ name: (await hasEngine('onnx')) ? 'onnx' : 'cpu', threads: 1, onCompile: () => undefined });
    const model = create();
    const evaluator = new TransformerEvaluator({ model, conditioner });
    const heldOut = [countedCodes()];
    const measure = async (): Promise<number> => (await evaluator.evaluate(heldOut)).natsPerToken;
    const before = await measure();
    expect(await measure()).toBe(before);
    const openBatches = (): TransformerBatchSource => ({
      next: () => Promise.resolve(countedCodes()),
      close: () => undefined,
    });
    await train({ model, openBatches, config: tinyTransformerTraining({ duration: { steps: 150 } }) });
    expect(await measure()).toBeLessThan(0.95 * before);
    evaluator.dispose();
    model.dispose();
    await useEngine({ name: 'cpu' });
  });
});
