import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programOptions, runProgram, type ProgramEnding } from '@vitvq/test-utils/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VARIANTS } from '../src/config.js';
import { openResults } from '../src/results.js';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'vitvq-codebook-study-'));
});
afterEach(async () => {
  await rm(out, { recursive: true, force: true });
});

/** Runs the program; `end`: sends it a signal once the output holds a text. */
function start(argv: string[], end?: { at: string; signal: NodeJS.Signals }): Promise<ProgramEnding> {
  return runProgram(main, ['--out', out, '--smoke', ...argv], end);
}

describe('a study that is stopped', () => {
  it('is saved, and goes on', { timeout: 180_000 }, async () => {
    const long = ['--steps', '5000'];
    const stopped = await start(long, { at: 'step 40:', signal: 'SIGTERM' });
    expect(stopped.output).toContain(`To go on:\n  npm run codebook-study -- --out ${out} --smoke --steps 5000\n`);
    expect(stopped.code).toBe(143);
    expect((await start(long, { at: 'going on after step', signal: 'SIGKILL' })).output).toMatch(
      /going on after step [1-9]/,
    );
  });

  it('trains what is missing, and writes its page', { timeout: 180_000 }, async () => {
    // What an earlier start left: all trainings but one.
    const results = await openResults(out, { steps: 2, smoke: true });
    const curve = [{ step: 2, deadCodes: 3, perplexity: 40, psnr: 12 }];
    const trainings = VARIANTS.flatMap((variant) => [0, 1].map((seed) => ({ variant, seed })));
    for (const { variant, seed } of trainings.slice(0, -1)) await results.keep(variant, seed, { seconds: 1, curve });

    const ended = await start([]);
    expect(ended.output).toContain('46 of 46: bsq, seed 1');
    expect(ended.output).not.toContain('45 of 46');
    expect(ended.code).toBe(0);
    const page = await readFile(join(out, 'codebook-health.md'), 'utf8');
    const pictures = [...page.matchAll(/\]\((images\/[^)]*\.png)\)/g)].map(([, path]) => path!);
    expect(pictures).toHaveLength(21);
    for (const picture of pictures) {
      expect((await readFile(join(out, picture))).subarray(1, 4).toString()).toBe('PNG');
    }
    expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('The health of a codebook');
  });
});

describe('the command line', () => {
  it('names every problem at once', () => {
    const argv = [...programOptions, main, '--out', out, '--seeds', '1', '--sed', '1', '--smoke'];
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain('--seeds must be a whole number of at least 2, not 1');
    expect(stderr).toContain('--sed is not an option');
  });
});
