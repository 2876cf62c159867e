import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { madeUpImages } from '@vitvq/data';
import { openExampleImages } from '@vitvq/example-shared';
import { writePng } from '@vitvq/report';
import { assertSameImages } from '@vitvq/run';
import { programOptions, runProgram, type ProgramEnding } from '@vitvq/test-utils/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openResults } from '../src/results.js';
import { TEST_IMAGES, VARIANTS } from '../src/config.js';

const settings = { steps: 2, seed: 0, smoke: true };
const result = { name: 'x', steps: 2, seconds: 1, usage: 0.5, perplexity: 4, l2: 0.1, l1: 0.2, psnr: 10, detail: 0.5 };

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'vitvq-table-4-'));
});
afterEach(async () => {
  await rm(out, { recursive: true, force: true });
});

describe('results', () => {
  it('are kept as each training ends', async () => {
    const variant = VARIANTS[0]!;
    const images = { data: new Float32Array(2 * 8 * 8 * 3).fill(0.5), shape: [2, 8, 8, 3] as const };
    await (await openResults(out, settings)).keep(variant, { ...result, name: variant.name }, images);
    const again = await openResults(out, settings);
    expect(again.of(variant)).toEqual({ ...result, name: variant.name });
    expect(again.of(VARIANTS[1]!)).toBeUndefined();
    expect((await readFile(join(out, `${variant.name}.png`))).subarray(1, 4).toString()).toBe('PNG');
    await expect(openResults(out, { ...settings, steps: 3 })).rejects.toThrow('"steps":2');
    await expect(openResults(out, { ...settings, ownImages: true })).rejects.toThrow('"ownImages":true');
  });
});

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const program = [...programOptions, main];

/** Runs the program; `end`: sends it a signal once the output holds a text. */
function start(argv: string[], end?: { at: string; signal: NodeJS.Signals }): Promise<ProgramEnding> {
  return runProgram(main, ['--out', out, '--smoke', ...argv], end);
}

describe('a training that is stopped', () => {
  it('is saved, and goes on', { timeout: 180_000 }, async () => {
    const long = ['--steps', '5000'];
    const stopped = await start(long, { at: 'step 1/', signal: 'SIGTERM' });
    expect(stopped.output).toContain(`To go on:\n  npm run table-4 -- --out ${out} --smoke --steps 5000\n`);
    expect(stopped.code).toBe(143);
    expect((await start(long, { at: 'going on after step', signal: 'SIGKILL' })).output).toMatch(
      /going on after step [1-9]/,
    );
  });
});

/** Writes made-up images as PNG files. */
async function writePictures(folder: string, from = 0): Promise<void> {
  await mkdir(folder);
  const source = madeUpImages({ count: 20, imageSize: 80, from });
  for (let index = 0; index < source.length; index++) {
    const image = await source.read(index);
    if (!('pixels' in image)) throw new Error('made-up images are pixels');
    const { pixels: data, width, height } = image;
    await writePng(join(folder, `${from + index}.png`), { data, width, height });
  }
}

describe("one's own pictures", () => {
  it('are trained on wherever they lie, and no others in their place', { timeout: 180_000 }, async () => {
    const at = (name: string): string => join(out, name);
    await writePictures(at('pictures'));
    await writePictures(at('others'), 100);
    // What an earlier start left: all trainings but one.
    const results = await openResults(out, { ...settings, ownImages: true });
    const image = { data: new Float32Array(8 * 8 * 3), shape: [1, 8, 8, 3] as const };
    for (const { name } of VARIANTS.slice(1)) await results.keep({ ...VARIANTS[0]!, name }, { ...result, name }, image);
    const { train, validation } = await openExampleImages({ data: at('pictures'), heldOut: TEST_IMAGES, seed: 0 });
    await assertSameImages(out, { train, validation });

    const refused = await start(['--data', at('others')]);
    expect(refused.output).toContain('got other ones: data.train, data.validation');
    expect(refused.code).toBe(1);
    await rename(at('pictures'), at('moved'));
    const moved = await start(['--data', at('moved')]);
    expect(moved.output).toContain('1 of 17: codes-4-l2');
    expect(moved.output).not.toContain('2 of 17');
    expect(moved.code).toBe(0);
    const page = await readFile(join(out, 'results.md'), 'utf8');
    expect(page).toContain('moved, 64x64 pixels');
    expect(page).toContain('all 2 test images');
  });
});

describe('the command line', () => {
  it('names every problem at once', () => {
    const argv = [...program, '--out', out, '--steps', '0', '--sed', '1', '--smoke'];
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain('--steps must be a whole number of at least 1, not 0');
    expect(stderr).toContain('--sed is not an option');
  });
});
