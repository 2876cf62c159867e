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
  out = await mkdtemp(join(tmpdir(), 'vitvq-segmentation-to-image-'));
});
afterEach(async () => {
  await rm(out, { recursive: true, force: true });
});

/** Runs the program; `end`: sends it a signal once the output holds a text. */
function segmentationToImage(argv: string[], end?: { at: string; signal: NodeJS.Signals }): Promise<ProgramEnding> {
  return runProgram(main, ['--smoke', '--engine', 'cpu', '--out', out, ...argv], end);
}

// It starts the program several times.
describe('segmentation-to-image --smoke', { timeout: 240_000 }, () => {
  it('goes on after Ctrl-C, measures, and refuses other settings', async () => {
    const stopped = await segmentationToImage([], { at: 'Stage 2 of 3', signal: 'SIGINT' });
    expect(stopped.output).toContain(`Stopped; everything is saved in ${out}`);
    expect(stopped.code).toBe(130);
    expect(await readdir(out)).not.toContain('metrics.json');

    const finished = await segmentationToImage([]);
    expect(finished.output).toContain('Stage 1 of 3, tokenizer: kept from an earlier start');
    expect(finished.code).toBe(0);
    const metrics = JSON.parse(await readFile(join(out, 'metrics.json'), 'utf8')) as MeasureResult;
    expect(metrics.images).toBe(24);
    expect(metrics.realAgreement).toBeGreaterThan(0.9);
    for (const [subject, { psnr, agreement, featureDistance, frechetDistance }] of Object.entries(metrics.figures)) {
      for (const value of [psnr, agreement, featureDistance, frechetDistance])
        expect(value, subject).toBeGreaterThan(0);
      expect(agreement, subject).toBeLessThanOrEqual(1);
    }
    expect(await readdir(out)).toEqual(expect.arrayContaining(['pictures.png', 'transformer-loss.png']));
    const html = await readFile(join(out, 'report.html'), 'utf8');
    for (const text of ['Do they follow their maps?', 'no condition', 'Given the map of another']) {
      expect(html).toContain(text);
    }
    expect(html).not.toMatch(/(src|href)="https?:/);

    const other = await segmentationToImage(['--seed', '2']);
    expect(other.output).toContain('seed is 2, was 0');
    expect(other.code).toBe(1);
  });
});
