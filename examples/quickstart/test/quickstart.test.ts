import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { runProgram, type ProgramEnding } from '@vitvq/test-utils/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadTokenizer } from '@vitvq/tokenizer/node';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/**
 * The engine of the tests that start several trainings; `npm run check-tensorflow` names another
 * one. The engine `cpu`, which has no compiler, takes five times as long: one training is enough.
 */
const engine = process.env['VITVQ_TEST_ENGINE'] ?? 'onnx';

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'vitvq-quickstart-'));
});
afterEach(async () => {
  await rm(out, { recursive: true, force: true });
});

/** Runs the program; `interruptAt`: presses Ctrl-C once the output holds it. */
function quickstart(argv: string[], interruptAt?: string): Promise<ProgramEnding> {
  return runProgram(
    main,
    ['--out', out, ...argv],
    interruptAt === undefined ? undefined : { at: interruptAt, signal: 'SIGINT' },
  );
}

const readMetrics = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(out, 'metrics.json'), 'utf8')) as Record<string, unknown>;

// Each test starts the program several times.
describe('quickstart --smoke', { timeout: 180_000 }, () => {
  it('trains, measures and reports', async () => {
    const { code, output } = await quickstart(['--smoke', '--engine', 'cpu']);
    expect(output).toContain('Report:');
    expect(code).toBe(0);
    const { psnr, codebookUsage, codebookPerplexity, steps, imagesPerSecond, engine } = await readMetrics();
    for (const value of [psnr, codebookUsage, codebookPerplexity, imagesPerSecond]) expect(value).toBeGreaterThan(0);
    expect({ steps, engine }).toEqual({ steps: 6, engine: 'cpu' });
    const html = await readFile(join(out, 'report.html'), 'utf8');
    expect(html).toContain('Reconstructions');
    expect(html).not.toMatch(/(src|href)="https?:/);
    const files = await readdir(out);
    expect(html).toContain('Sharpness');
    expect(html).toContain('Logits of the discriminator');
    const pictures = ['comparison.png', 'reconstructions.png', 'token-maps.png', 'codebook-usage-level-1.png'];
    for (const name of [...pictures, 'tokenizer']) expect(files).toContain(name);
    expect(output).toContain(`Model:       ${join(out, 'tokenizer', 'model')}`);
    const tokenizer = await loadTokenizer(join(out, 'tokenizer', 'model'));
    expect(tokenizer.encode(tf.zeros<tf.Rank.R4>([1, 16, 16, 3])).shape).toEqual([1, 16, 2]);
  });

  it('saves on Ctrl-C, says how to go on, and goes on', async () => {
    const argv = ['--smoke', '--minutes', '0.1', '--engine', engine];
    const stopped = await quickstart(argv, 'step 1/');
    expect(stopped.output).toContain('Ctrl-C: saving, then stopping.');
    expect(stopped.output).toContain(
      `Stopped; everything is saved in ${out}. To go on:\n  npm run quickstart -- --out ${out} ${argv.join(' ')}\n`,
    );
    expect(stopped.code).toBe(130);
    await expect(access(join(out, 'metrics.json'))).rejects.toThrow();

    const refused = await quickstart([...argv, '--seed', '1']);
    expect(refused.code).toBe(1);
    expect(refused.output).toContain('Give the same options to go on with it, add --fresh to start over');

    const resumed = await quickstart(argv);
    expect(resumed.output).toMatch(/going on after step [1-9]/);
    expect(resumed.code).toBe(0);
    expect((await readMetrics()).trainingSeconds).toBeGreaterThan(6);
  });

  it('shows another run with l2 alone, and starts over where it may', async () => {
    const l2 = ['--smoke', '--loss', 'l2', '--engine', engine];
    expect((await quickstart(l2)).code).toBe(0);
    const config = await readFile(join(out, 'config.yaml'), 'utf8');
    expect(config).toContain('l2: 1');
    for (const term of ['adversarial', 'imageGradient']) expect(config).toContain(`${term}: 0\n`);
    const compared = await quickstart([...l2, '--seed', '1', '--fresh', '--compare', out]);
    expect(compared.output).not.toContain('going on');
    expect(compared.code).toBe(0);
    expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('other run');
  });

  it('names everything that is wrong with the command line', async () => {
    const { code, output } = await quickstart(['--minutes', '1', '--steps', '0', '--data', '/no/such', '--foo']);
    expect(code).toBe(2);
    for (const problem of [
      '--steps must be a whole number of at least 1, not 0',
      '--minutes and --steps exclude each other',
      '--data must be a folder, and there is none at /no/such',
      '--foo is not an option',
    ]) {
      expect(output).toContain(problem);
    }
  });
});
