import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram, type ProgramEnding } from '@vitvq/test-utils/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-pipeline-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs the program; `end`: sends it a signal once the output holds a text. */
function pipeline(argv: string[], end?: { at: string; signal: NodeJS.Signals }): Promise<ProgramEnding> {
  const engine = process.env['VITVQ_TEST_ENGINE'] ?? 'onnx'; // named by `npm run check-tensorflow`
  return runProgram(main, ['--smoke', '--engine', engine, ...argv], end);
}

type Metrics = Readonly<Record<string, unknown>>;

const readMetrics = async (out: string): Promise<Metrics> =>
  JSON.parse(await readFile(join(out, 'metrics.json'), 'utf8')) as Metrics;

const withoutTime = ({ seconds: _s, trainingSeconds: _t, imagesPerSecond: _i, ...metrics }: Metrics): Metrics =>
  metrics;

// Each test starts the program several times.
describe('pipeline --smoke', { timeout: 180_000 }, () => {
  it('goes on after a kill and after Ctrl-C, to the numbers of a run that was left alone', async () => {
    const out = join(folder, 'interrupted');
    const killed = await pipeline(['--out', out], { at: 'Stage 2 of 6', signal: 'SIGKILL' });
    expect(killed.code).toBeNull();
    const tokenizer = await readFile(join(out, 'tokenizer.json'), 'utf8');

    const stopped = await pipeline(['--out', out], { at: 'Stage 3 of 6', signal: 'SIGINT' });
    expect(stopped.output).toContain('Stage 1 of 6, tokenizer: kept from an earlier start');
    expect(stopped.output).toContain(`Stopped; everything is saved in ${out}`);
    expect(stopped.code).toBe(130);
    expect(await readdir(out)).not.toContain('metrics.json');

    const finished = await pipeline(['--out', out]);
    expect(finished.output).toContain('Stage 2 of 6, codes: kept from an earlier start');
    expect(finished.code).toBe(0);
    expect(await readFile(join(out, 'tokenizer.json'), 'utf8')).toBe(tokenizer);

    const metrics = await readMetrics(out);
    for (const name of ['validationNatsPerToken', 'unigramNatsPerToken', 'psnr', 'codebookUsage', 'probeTop1']) {
      expect(metrics[name], name).toBeGreaterThan(0);
    }
    const ofTokenizer = ['encoderTop1', 'latentsTop1', 'quantizedTop1'];
    for (const name of ['pixelTop1', 'randomNetworkTop1', 'generatedTop1', ...ofTokenizer]) {
      expect(metrics[name], name).toBeGreaterThanOrEqual(0);
      expect(metrics[name], name).toBeLessThanOrEqual(1);
    }
    expect(metrics).toMatchObject({ encoderBlock: 'encoder.blocks.0' });
    const html = await readFile(join(out, 'report.html'), 'utf8');
    for (const title of ['Generated images', 'Tokenizer', 'GPT', 'Linear probe', 'Layer sweep', 'Confusion of']) {
      expect(html).toContain(title);
    }
    expect(html).not.toMatch(/(src|href)="https?:/);
    expect(await readdir(out)).toEqual(
      expect.arrayContaining(['samples.png', 'layer-sweep.png', 'transformer-loss.png']),
    );

    const alone = join(folder, 'alone');
    expect((await pipeline(['--out', alone])).code).toBe(0);
    expect(withoutTime(await readMetrics(alone))).toEqual(withoutTime(metrics));
  });

  it('trains an RQTransformer on residual codes with --model rq, to the same results', async () => {
    // On the engine without a compiler, which takes five times as long: once is enough.
    expect((await pipeline(['--model', 'rq', '--engine', 'cpu', '--out', folder])).code).toBe(0);
    const metrics = await readMetrics(folder);
    const ofLevels = metrics['unigramNatsOfLevels'] as number[];
    expect(ofLevels).toHaveLength(2);
    const sum = ofLevels.reduce((total, nats) => total + nats, 0);
    expect(metrics['unigramNatsPerPosition']).toBeCloseTo(sum, 5);
    expect(metrics['unigramNatsPerToken']).toBeCloseTo(sum / 2, 5);
    expect(metrics['probeBlock']).toMatch(/^spatial\./);
    const types = ['tokenizer', 'transformer'].map(async (stage) => {
      const config = await readFile(join(folder, stage, 'model', 'config.json'), 'utf8');
      return (JSON.parse(config) as { type: string }).type;
    });
    expect(await Promise.all(types)).toEqual(['vq-tokenizer', 'rq-transformer']);
    // Use and dead codes of each level.
    const html = await readFile(join(folder, 'report.html'), 'utf8');
    for (const text of ['How often each code is used, level 1', 'level 2', 'dead codes']) expect(html).toContain(text);
    expect(html).toContain('the unigram entropies add up to');
  });

  it('does not mix settings, unless it may start over', async () => {
    const end = { at: 'Stage 1 of 6', signal: 'SIGKILL' } as const;
    await pipeline(['--out', folder], end);
    const refused = await pipeline(['--out', folder, '--seed', '1']);
    expect(refused.code).toBe(1);
    expect(refused.output).toContain('Give the same options to go on with it, add --fresh to start over');
    const fresh = await pipeline(['--out', folder, '--seed', '1', '--fresh'], end);
    expect(fresh.output).toContain('Stage 1 of 6');
    expect(JSON.parse(await readFile(join(folder, 'settings.json'), 'utf8'))).toMatchObject({ seed: 1 });
  });
});
