import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { madeUpImages } from '@vitvq/data';
import { writePng } from '@vitvq/report';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openExampleImages } from '../src/index.js';

let data: string;
let lines: string[];
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'vitvq-example-images-'));
  lines = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  const source = madeUpImages({ count: 20, imageSize: 8 });
  for (let index = 0; index < source.length; index++) {
    const image = await source.read(index);
    if (!('pixels' in image)) throw new Error('made-up images are pixels');
    const { pixels, width, height } = image;
    const folder = join(data, source.classNames[source.labels[index]!]!);
    await mkdir(folder, { recursive: true });
    await writePng(join(folder, `${index}.png`), { data: pixels, width, height });
    if (index > 0) await writeFile(join(folder, `${index}.txt`), `number ${index}`);
  }
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(data, { recursive: true, force: true });
});

it("openExampleImages divides one's own images, of the sizes of configs/photos.yaml", async () => {
  const { train, validation, sizes, shown } = await openExampleImages({ data, heldOut: 1024, seed: 0 });
  expect([train.length, validation.length, train.captions]).toEqual([18, 2, undefined]);
  expect(train.classNames).toEqual(['bluish', 'greenish', 'reddish']);
  expect(sizes).toEqual({ imageSize: 64, patchSize: 8 });
  expect(shown).toEqual({ crop: 'random', resizeTo: 72, flip: true });
  expect(lines.filter((line) => line.startsWith('left out'))).toEqual([]);
});

it('openExampleImages names images without a caption', async () => {
  const images = await openExampleImages({ data, heldOut: 1, seed: 0, captions: true });
  expect([images.train.length, images.validation.captions]).toEqual([18, [expect.stringMatching(/^number \d+$/)]]);
  expect(lines).toContainEqual(expect.stringMatching(/left out reddish\/0\.png: its caption/));
});

it('openExampleImages takes other images than those of CIFAR-10 where that is asked', async () => {
  const madeUp = { kind: 'made-up', count: 4, imageSize: 32 };
  const changes = { train: madeUp, validation: madeUp };
  const { train, sizes } = await openExampleImages({ heldOut: 3, seed: 0, changes });
  expect([train.length, sizes.imageSize]).toEqual([4, 32]);
});
