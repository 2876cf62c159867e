import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram, type ProgramEnding } from '@vitvq/test-utils/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MeasureResult } from '../src/measure.js';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'vitvq-super-resolution-'));
});
afterEach(async () => {
  await rm(out, { recursive: true, force: true });
});

/** Runs the program; `end`: sends it a signal once the output holds a text. */
function superResolution(argv: string[], end?: { at: string; signal: NodeJS.Signals }): Promise<ProgramEnding> {
  return runProgram(main, ['--smoke', '--engine', 'cpu', '--out', out, ...argv], end);
}

// It starts the program several times.
describe('super-resolution --smoke', { timeout: 240_000 }, () => {
  it('goes on after Ctrl-C, measures, and refuses other settings', async () => {
    const stopped = await superResolution([], { at: 'Stage 2 of 3', signal: 'SIGINT' });
    expect(stopped.output).toContain(`Stopped; everything is saved in ${out}`);
    expect(stopped.code).toBe(130);
    expect(await readdir(out)).not.toContain('metrics.json');

    const finished = await superResolution([]);
    expect(finished.output).toContain('Stage 1 of 3, tokenizer: kept from an earlier start');
    expect(finished.code).toBe(0);
    const metrics = JSON.parse(await readFile(join(out, 'metrics.json'), 'utf8')) as MeasureResult;
    expect(metrics.images).toBe(24);
    for (const [subject, { psnr, smallPsnr, featureDistance, frechetDistance }] of Object.entries(metrics.figures)) {
      for (const value of [psnr, smallPsnr, featureDistance, frechetDistance])
        expect(value, subject).toBeGreaterThan(0);
    }
    // Bicubic keeps the small image, untrained models do not.
    expect(metrics.figures.bicubic.smallPsnr).toBeGreaterThan(metrics.figures.ours.smallPsnr);
    expect(await readdir(out)).toEqual(expect.arrayContaining(['pictures.png', 'transformer-loss.png']));
    const html = await readFile(join(out, 'report.html'), 'utf8');
    for (const text of ['How near they come', 'no condition', 'Given the small image of another']) {
      expect(html).toContain(text);
    }
    expect(html).not.toMatch(/(src|href)="https?:/);

    const other = await superResolution(['--scale', '2']);
    expect(other.output).toContain('scale is 2, was 4');
    expect(other.code).toBe(1);
  });
});
