import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { it } from '@vitvq/test-utils/node';
import { expect } from 'vitest';
import {
  openCheckpoint,
  openPyTorchCheckpoint,
  readCheckpointState,
  restoreVariables,
  variableTensors,
  writeCheckpoint,
  type TensorSource,
} from '../src/index.js';
import { dictionary, legacyCheckpoint, tensor, zipCheckpoint, type Piece } from './build-pytorch.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Measures the bytes of arrays in use, beyond those in use when it was created. */
class Memory {
  readonly #before: number;
  peak = 0;

  private constructor(before: number) {
    this.#before = before;
  }

  static async start(): Promise<Memory> {
    // callbacks under way let go of what they hold
    await new Promise((resolve) => setTimeout(resolve, 50));
    return new Memory(Memory.#inUse());
  }

  measure(): void {
    this.peak = Math.max(this.peak, Memory.#inUse() - this.#before);
  }

  static #inUse(): number {
    // The first collection frees arrays in the background; the second waits for it.
    collectGarbage();
    collectGarbage();
    return process.memoryUsage().arrayBuffers;
  }
}

const MiB = 2 ** 20;
/** Sizes of tensors in MiB, 16 MiB together. */
const sizes = [2, 2, 4, 2, 2, 2, 2];
const largest = 4 * MiB;
const names = sizes.map((_, index) => `tensor.${index}`);
let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));

it.each([
  ['one file', 2 ** 31],
  ['several files', 5 * MiB],
])('a checkpoint of 16 MiB in %s is written and read with one tensor in memory', async (_, maximumShardBytes) => {
  const directory = join(folder, String(maximumShardBytes));
  // Every value is made when it is asked for, as the value of a variable on an engine is.
  const reading = await Memory.start();
  const source: TensorSource = {
    tensors: names.map((name, index) => ({ name, shape: [(sizes[index]! * MiB) / 4], dtype: 'float32' })),
    read: (name) => {
      const data = new Float32Array((sizes[names.indexOf(name)]! * MiB) / 4).fill(names.indexOf(name));
      reading.measure();
      return Promise.resolve({ shape: [data.length], data });
    },
  };
  await writeCheckpoint(directory, { step: 1, tensors: source, state: null }, { maximumShardBytes });
  expect(reading.peak).toBeGreaterThan(0.9 * largest);
  expect(reading.peak).toBeLessThan(1.2 * largest);

  const variables = new Map(names.map((name, index) => [name, tf.variable(tf.fill([(sizes[index]! * MiB) / 4], -1))]));
  const opened = await openCheckpoint(directory);
  // the variables, with their values, are there before and after
  const restoring = await Memory.start();
  await restoreVariables(
    {
      ...opened,
      read: async (entry) => {
        const tensor = await opened.read(entry);
        restoring.measure();
        return tensor;
      },
    },
    variables,
  );
  await opened.close();
  expect(restoring.peak).toBeGreaterThan(0.9 * largest);
  expect(restoring.peak).toBeLessThan(1.2 * largest);
  for (const [index, name] of names.entries()) {
    const values = await variables.get(name)!.data();
    expect(values.every((value) => value === index)).toBe(true);
  }

  // The cpu backend returns its own arrays, so that writing them takes no memory.
  const writing = await Memory.start();
  const own = variableTensors(variables);
  const counted: TensorSource = {
    ...own,
    read: async (name) => {
      const tensor = await own.read(name);
      writing.measure();
      return tensor;
    },
  };
  await writeCheckpoint(directory, { step: 2, tensors: counted, state: null }, { maximumShardBytes });
  expect(writing.peak).toBeLessThan(0.2 * largest);
  const state = await Memory.start();
  expect((await readCheckpointState(directory)).step).toBe(2);
  state.measure();
  expect(state.peak).toBeLessThan(MiB);
  tf.dispose([...variables.values()]);
});

it.each(['zip', 'legacy'])('a PyTorch file of 16 MiB, %s, is read with one tensor in memory', async (format) => {
  const file = join(folder, `${format}.ckpt`);
  const write = async (): Promise<void> => {
    const lengths = sizes.map((size) => (size * MiB) / 4);
    const pieces = names.map((name, index): [string, Piece] => [
      name,
      tensor({ key: String(index), length: lengths[index]!, shape: [lengths[index]!] }),
    ]);
    const arrays = lengths.map((length, index) => new Float32Array(length).fill(index));
    const value = dictionary(Object.fromEntries(pieces));
    const bytes =
      format === 'zip'
        ? zipCheckpoint(value, Object.fromEntries(arrays.map((array, index) => [index, array])))
        : legacyCheckpoint(value, Object.fromEntries(arrays.map((array, index) => [index, [array.length, array]])));
    await fs.writeFile(file, bytes);
  };
  await write();
  const reading = await Memory.start();
  const opened = await openPyTorchCheckpoint(file);
  for (const [index, entry] of opened.entries.entries()) {
    const { data } = await opened.read(entry);
    reading.measure();
    expect(data.every((value) => value === index)).toBe(true);
  }
  await opened.close();
  expect(reading.peak).toBeGreaterThan(0.9 * largest);
  expect(reading.peak).toBeLessThan(1.2 * largest);
});
