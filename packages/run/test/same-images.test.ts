import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { madeUpImages } from '@vitvq/data';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertSameImages, differentImages, imagesFile } from '../src/index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-same-images-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const images = (from: number) => madeUpImages({ count: 3, imageSize: 4, from });

describe('the images of a run', () => {
  it('are kept at the first start and compared at the next ones, set by set', async () => {
    expect(await differentImages(folder, { train: images(0) })).toBeUndefined();
    await assertSameImages(folder, { train: images(0), validation: images(3), probe: undefined });
    await assertSameImages(folder, { train: images(0), validation: images(3) });
    expect(await differentImages(folder, { train: images(0), validation: images(9) })).toEqual(['validation']);
    const problem = await assertSameImages(folder, { train: images(1), validation: images(3), test: images(0) }).catch(
      (error: unknown) => error,
    );
    expect(problem).toBeInstanceOf(ConfigError);
    expect((problem as ConfigError).message).toContain('other ones: data.train, data.test');
  });

  it('are not compared with a file that is something else', async () => {
    for (const text of ['{"train": 1}', '{']) {
      await writeFile(join(folder, imagesFile), text);
      await expect(assertSameImages(folder, { train: images(0) })).rejects.toThrow(DataError);
    }
  });
});
