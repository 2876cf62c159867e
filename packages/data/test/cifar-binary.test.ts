import { DataError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { CIFAR10_CLASSES, openDataSource } from '../src/index.js';
import { folderOf } from './images.js';

const PLANE = 1024;
const quiet = { onSkip: (): void => undefined };

/** A record: bytes of labels, then planes of red, green and blue. */
function record(labels: number[], image: number): Buffer {
  const planes = [0, 1, 2].map((channel) => Buffer.alloc(PLANE, image * 10 + channel));
  planes[0]![1] = 200;
  return Buffer.concat([Buffer.from(labels), ...planes]);
}

describe('cifar-binary', () => {
  it('reads CIFAR-10 as its authors publish it', async () => {
    const path = await folderOf({
      'cifar-10-batches-bin/test_batch.bin': Buffer.concat([record([3], 1), record([9], 2)]),
      'cifar-10-batches-bin/batches.meta.txt': `${CIFAR10_CLASSES.join('\n')}\n\n`,
    });
    const source = await openDataSource({ kind: 'cifar-binary', path, variant: 'cifar10', split: 'test' });
    expect([...source.labels]).toEqual([3, 9]);
    expect(source.classNames).toEqual(CIFAR10_CLASSES);
    expect(source.name).toBe('CIFAR-10 test');
    const { pixels } = (await source.read(1)) as { pixels: Uint8Array };
    expect([...pixels.subarray(0, 6)]).toEqual([20, 21, 22, 200, 21, 22]);
  });

  it('reads CIFAR-100 with fine or coarse labels', async () => {
    const path = await folderOf({
      'train.bin': Buffer.concat([record([19, 99], 1), record([0, 7], 2)]),
      'coarse_label_names.txt': Array.from({ length: 20 }, (_, index) => `coarse ${index}\n`).join(''),
    });
    const config = { kind: 'cifar-binary', path, variant: 'cifar100' } as const;
    const fine = await openDataSource(config);
    expect([...fine.labels]).toEqual([99, 7]);
    expect(fine.classNames).toHaveLength(100);
    const coarse = await openDataSource({ ...config, labels: 'coarse' });
    expect([...coarse.labels]).toEqual([19, 0]);
    expect(coarse.classNames[19]).toBe('coarse 19');
  });

  it('names what is damaged, and refuses it with strict', async () => {
    const cut = record([3], 1).subarray(0, 3000);
    const path = await folderOf({
      'data_batch_1.bin': Buffer.concat([record([3], 1), record([10], 1), cut]),
      'data_batch_2.bin': record([4], 1),
    });
    const config = { kind: 'cifar-binary', path, variant: 'cifar10' } as const;
    const source = await openDataSource(config, quiet);
    expect([...source.labels]).toEqual([3, 4]);
    expect(source.skipped.slice(0, 3)).toEqual([
      { name: 'data_batch_1.bin', reason: 'it is cut short in image 2; the images before it are used' },
      { name: 'data_batch_1.bin/1', reason: 'its label is 10, not below 10' },
      { name: 'data_batch_3.bin', reason: expect.stringContaining('it cannot be read: no such file') as string },
    ]);
    await expect(openDataSource({ ...config, strict: true })).rejects.toThrow('data_batch_1.bin (it is cut short');
    const none = openDataSource({ ...config, split: 'test' });
    await expect(none).rejects.toBeInstanceOf(DataError);
    await expect(none).rejects.toThrow(
      'expected images in test_batch.bin, got none: test_batch.bin: it cannot be read',
    );
  });
});
