import '@tensorflow/tfjs';
import { DataError, VitvqError, type BatchSource } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { beforeAll, expect, it } from 'vitest';
import { Trainer } from '../src/index.js';
import { numbers, Sum } from './sum-task.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const run = async (source: unknown): Promise<unknown> => {
  const task = new Sum();
  const openBatches = (): BatchSource<number> => source as BatchSource<number>;
  const trainer = new Trainer({ task, duration: { steps: 4 }, openBatches });
  try {
    return await trainer.run();
  } finally {
    trainer.dispose();
  }
};

it('says after how many batches a source has ended', async () => {
  await expect(run(numbers(1, 2)(0))).rejects.toThrow(DataError);
  await expect(run(numbers(1, 2)(0))).rejects.toThrow(
    'Trainer, data: expected a source with batches for as long as it is asked, got one that ended after 2 batches. Begin',
  );
  await expect(run(numbers()(0))).rejects.toThrow('got a source without a batch.');
});

it('says of a generator that its results are no batches', async () => {
  const generator = (function* () {
    yield 1;
  })();
  const source = { next: () => generator.next(), close: () => undefined };
  await expect(run(source)).rejects.toThrow("got an iterator's result { value, done }. Return the value itself.");
});

it.each([[undefined], [[1, 2]], [{ next: () => 1 }]])('refuses what is no source: %j', async (source) => {
  await expect(run(source)).rejects.toThrow(VitvqError);
  await expect(run(source)).rejects.toThrow(/what openBatches returns to .*close/);
});

it('takes a source that needs no promise', async () => {
  const source = { next: () => 1, close: () => undefined };
  await expect(run(source)).resolves.toMatchObject({ reason: 'finished', step: 4 });
});
