import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram, type ProgramEnding } from '@vitvq/test-utils/node';
import { writePictures } from './pictures.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-completion-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const completion = (...argv: string[]): Promise<ProgramEnding> => runProgram(main, argv);

interface Metrics {
  readonly lowerNatsPerToken: number;
  readonly ownUpperHalfPreferred: number;
  readonly lowerHalves: Readonly<Record<string, { readonly psnr: number }>>;
}

const readMetrics = async (out: string): Promise<Metrics> =>
  JSON.parse(await readFile(join(out, 'metrics.json'), 'utf8')) as Metrics;

describe('completion', { timeout: 120_000 }, () => {
  it('--smoke makes models, completes, measures and reports', async () => {
    const out = join(folder, 'smoke');
    const { code, output } = await completion('--smoke', '--engine', 'onnx', '--out', out);
    expect(output).toContain('Report:');
    expect(code).toBe(0);
    const metrics = await readMetrics(out);
    expect(metrics.lowerNatsPerToken).toBeGreaterThan(0);
    expect(metrics.ownUpperHalfPreferred).toBeGreaterThanOrEqual(0);
    expect(metrics.ownUpperHalfPreferred).toBeLessThanOrEqual(1);
    for (const name of ['reconstruction', 'withClass', 'withoutClass', 'otherImage']) {
      expect(metrics.lowerHalves[name]!.psnr, name).toBeGreaterThan(0);
    }
    const html = await readFile(join(out, 'report.html'), 'utf8');
    for (const title of ['Completions', 'What the upper half tells', 'How near completions come']) {
      expect(html).toContain(title);
    }
    expect(html).not.toMatch(/(src|href)="https?:/);
    expect(await readdir(out)).toEqual(expect.arrayContaining(['completions.png', 'upper-half.png']));
    expect(metrics).toMatchObject({ images: 30, heldOut: true });

    // The same models complete pictures of one's own, without classes, of another size, and on cpu.
    const pictures = join(folder, 'pictures');
    await writePictures(pictures, { count: 6 });
    const mine = join(folder, 'mine');
    const argv = ['--run', join(out, 'models'), '--data', pictures, '--engine', 'cpu', '--out', mine, '--images', '2'];
    const own = await completion(...argv);
    expect(own.output).toContain('Images: 6 of pictures, 2 of them in the report');
    expect(own.output).toContain('no classes that the model knows');
    expect(own.code).toBe(0);
    const measured = await readMetrics(mine);
    expect(measured).toMatchObject({ images: 6, heldOut: false });
    expect(measured.lowerNatsPerToken).toBeGreaterThan(0);
    expect(Object.keys(measured.lowerHalves)).toEqual(['reconstruction', 'withoutClass', 'otherImage']);
    expect(await readFile(join(mine, 'report.html'), 'utf8')).not.toContain('never seen');
  });

  it('says how to make the models where there are none', async () => {
    const { code, output } = await completion('--run', join(folder, 'none'), '--engine', 'cpu', '--out', folder);
    expect(code).toBe(2);
    expect(output).toContain(`--run ${join(folder, 'none')} holds no model`);
    expect(output).toContain('npm run pipeline makes them first (about 20 minutes)');
  });
});
