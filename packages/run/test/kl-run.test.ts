import '@tensorflow/tfjs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  evaluate,
  inspect,
  plan,
  readRunConfig,
  reconstruct,
  tokenize,
  trainRun,
  type ResolvedRunConfig,
} from '../src/index.js';

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const data = { kind: 'made-up', count: 6, from: 200 } as const;

/** Writes a config that lays kl over another, with pixels that cost little, and reads it. */
async function read(extend: string): Promise<ResolvedRunConfig> {
  const file = at(`${extend}.yaml`);
  const pixels = 'tokenizer: { model: { decoder: { pixels: { kind: linear } } } }';
  await writeFile(file, `extends: [${extend}, l2, kl]\nengine: cpu\n${pixels}\n`);
  return readRunConfig(file);
}

let metrics: Readonly<Record<string, unknown>>;
const lines: string[] = [];
const view = {
  log: (line: string) => lines.push(line),
  openProgress: () => ({ update: () => undefined, say: (line: string) => lines.push(line), stop: () => undefined }),
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-kl-run-'));
  await useEngine({ name: 'cpu' });
  ({ metrics } = await trainRun(await read('quickstart-smoke'), { out: at('run'), view }));
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a run whose latents are no codes', () => {
  it('trains by a config, and reports decibels and nats a latent, and no codes', async () => {
    const { klNatsPerLatent, psnr } = metrics as Record<string, number>;
    expect(psnr).toBeGreaterThan(5);
    expect(klNatsPerLatent).toBeGreaterThan(0);
    expect(Object.keys(metrics).filter((name) => /code/i.test(name))).toEqual([]);
    const said = lines.join('\n');
    expect(said).toContain('4x4 latents of 8 values an image');
    expect(said).toContain(`KL ${klNatsPerLatent!.toFixed(2)} nats a latent`);
    expect(said).not.toMatch(/of the codes|perplexity/);
    const report = await readFile(at('run', 'report.html'), 'utf8');
    expect(report).toContain('latents, which are no codes');
    expect(report).toContain('Divergence');
    expect(report).not.toContain('Codebook usage');
    const pictures = await readdir(at('run'));
    expect(pictures).toContain('reconstructions.png');
    expect(pictures).not.toContain('token-maps.png');
  });

  it('is looked into, planned, measured and reconstructed with', async () => {
    const { facts } = await inspect(at('run', 'tokenizer', 'model'));
    expect(facts).toContainEqual(['Latents', '4 x 4 of 8 dimensions, which are no codes']);
    const [planned] = await plan(await read('quickstart-smoke'), { measuredSteps: 1 });
    expect(planned!.secondsPerStep).toBeGreaterThan(0);
    const { cards } = await evaluate({ run: at('run'), data });
    expect(cards.map(({ metric }) => metric)).toEqual(['psnr', 'ssim']);
    const made = await reconstruct({ run: at('run'), data, out: at('reconstructed'), count: 4 });
    expect(made.images).toBe(4);
    expect(made.psnr).toBeGreaterThan(5);
  });

  it('is refused where tokens are needed, before anything is begun', async () => {
    const out = at('tokens');
    await expect(tokenize({ run: at('run'), data, out })).rejects.toThrow(/tokenizer of tokens.*kind: vector/s);
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
    await expect(read('pipeline-smoke')).rejects.toThrow(ConfigError);
    await expect(read('pipeline-smoke')).rejects.toThrow(
      /tokenizer\.model\.quantizer\.kind.*a quantizer of codes beside a transformer/s,
    );
    const config = await readRunConfig('pipeline-smoke', { changes: { engine: 'cpu' } });
    const from = { ...config, tokenizer: { from: at('run') } };
    await expect(trainRun(from, { out: at('refused') })).rejects.toThrow(
      /the tokenizer of a run with a transformer.*no codes/s,
    );
    expect(await readdir(at('refused')).catch(() => [])).not.toContain('codes');
  });
});
