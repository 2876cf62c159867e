import '@tensorflow/tfjs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTokenizer, QUICKSTART, type VQTokenizer } from '@vitvq/tokenizer';
import { ClassConditioner, Unconditional, type Conditioner } from '@vitvq/transformers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readTestImages } from '../src/images.js';
import { writePictures } from './pictures.js';

let data: string;
let tokenizer: VQTokenizer;
const lines: string[] = [];
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'vitvq-images-'));
  await writePictures(data, { count: 8, classNames: ['ship', 'frog', 'zebra'] });
  await writeFile(join(data, 'frog', 'torn.png'), 'no picture');
  const size = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 };
  tokenizer = createTokenizer({ ...QUICKSTART, imageSize: 16, encoder: size, decoder: size }, { seed: 0 });
});
afterAll(async () => {
  tokenizer.dispose();
  await rm(data, { recursive: true, force: true });
});
beforeEach(() => {
  lines.length = 0;
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
});
afterEach(() => void vi.restoreAllMocks());

/** Reads the pictures for a model that lies in a folder without a run. */
const readFor = (conditioner: Conditioner) => {
  const run = { path: data, config: undefined, folders: {} };
  return readTestImages({ run, tokenizer, conditioner }, { data, seed: 0 });
};

describe("one's own pictures", () => {
  it('have the classes that the model knows by name; what it does not know is told and left out', async () => {
    const conditioner = new ClassConditioner({ classCount: 3, classNames: ['frog', 'car', 'ship'] });
    const { classes, shape, names, isHeldOut } = await readFor(conditioner);
    // Folders are read in their order: three frogs, three ships; two zebras are left out.
    expect(names).toEqual(['frog', 'frog', 'frog', 'ship', 'ship', 'ship']);
    expect(classes).toEqual([0, 0, 0, 2, 2, 2]);
    expect(shape).toEqual([6, 16, 16, 3]);
    expect(isHeldOut).toBe(false);
    expect(lines).toEqual([
      expect.stringContaining('left out frog/torn.png'),
      'left out: 2 images of classes that the model does not know, or alone in theirs',
    ]);
  });

  it('are completed without a class where the model knows none, or none of theirs', async () => {
    expect(await readFor(new Unconditional())).toMatchObject({ classes: undefined, shape: [8, 16, 16, 3] });
    expect(lines).toHaveLength(1);
    const conditioner = new ClassConditioner({ classCount: 1, classNames: ['car'] });
    expect(await readFor(conditioner)).toMatchObject({ classes: undefined, shape: [8, 16, 16, 3] });
    expect(lines.at(-1)).toContain('no classes that the model knows');
  });
});
