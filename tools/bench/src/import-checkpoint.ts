import { spawnSync } from 'node:child_process';
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs';
import { openPyTorchCheckpoint } from '@vitvq/checkpoint';
import { vitDecoderReferenceWeights, vitEncoderReferenceWeights } from '@vitvq/layers';
import { vectorQuantizerReferenceWeights } from '@vitvq/quantizers';
import {
  createTokenizer,
  VIT_VQGAN_SMALL,
  vitTokenizerReferenceWeights,
  type ViTTokenizerConfig,
} from '@vitvq/tokenizer';
import { importTokenizer } from '@vitvq/tokenizer/node';

/** One side's import of a checkpoint. */
export interface ImportSample {
  readonly ms: number;
  /** Resident memory before, and the peak. */
  readonly start_mb: number;
  readonly rss_mb: number;
}

const script = fileURLToPath(new URL('../peer/checkpoint.py', import.meta.url));

/** Names and shapes as the reference has them. */
export function referenceShapes(config: ViTTokenizerConfig): Record<string, number[]> {
  const tokenizer = createTokenizer(config, { seed: 0 });
  const variables = tokenizer.namedVariables();
  const weights = vitTokenizerReferenceWeights({
    encoder: vitEncoderReferenceWeights({ ...config, ...config.encoder }),
    decoder: vitDecoderReferenceWeights({ ...config, ...config.decoder }),
    quantizer: vectorQuantizerReferenceWeights(),
  });
  const shapes = weights.map(({ name, referenceName, toReference }): [string, number[]] => [
    referenceName,
    [...toReference({ shape: variables.get(name)!.shape, data: new Float32Array(0) }).shape],
  ]);
  tokenizer.dispose();
  return Object.fromEntries(shapes);
}

/** A ViT-VQGAN-Small whose positions are any table: random numbers stand for weights. */
const config: ViTTokenizerConfig = { ...VIT_VQGAN_SMALL, positions: 'learned' };

/**
 * Calls `use` with a checkpoint of about so many megabytes that PyTorch has written, and removes
 * it.
 */
export async function withCheckpoint<T>(
  python: string,
  megabytes: number,
  use: (file: string) => Promise<T>,
): Promise<T> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'vitvq-bench-'));
  try {
    const file = join(folder, 'model.ckpt');
    run(python, ['--make', file, '--megabytes', String(megabytes)], JSON.stringify(referenceShapes(config)));
    return await use(file);
  } finally {
    await fs.rm(folder, { recursive: true });
  }
}

/** PyTorch's own loading, in a process of its own. */
export function loadWithPyTorch(python: string, file: string): ImportSample {
  return JSON.parse(run(python, ['--load', file])) as ImportSample;
}

/** Our import, in this process: from the file to a tokenizer that can be used. */
export async function measureImport(file: string): Promise<ImportSample> {
  const startMb = process.memoryUsage().rss / 2 ** 20;
  const start = performance.now();
  const checkpoint = await openPyTorchCheckpoint(file);
  const { tokenizer } = await importTokenizer(checkpoint, { config });
  await checkpoint.close();
  const ms = performance.now() - start;
  tokenizer.dispose();
  return { ms, start_mb: startMb, rss_mb: process.resourceUsage().maxRSS / 1024 };
}

export function formatImport(megabytes: number, ours: ImportSample, peer: ImportSample): string {
  const side = (name: string, { ms, start_mb: before, rss_mb: peak }: ImportSample): string =>
    `${name} ${(ms / 1000).toFixed(2)} s, peak memory ${peak.toFixed(0)} MB (${before.toFixed(0)} MB before)`;
  return `import of ${megabytes} MB: ${side('ours', ours)}; ${side('torch.load', peer)}`;
}

function run(python: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync(python, [script, ...args], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`${script} ended: ${stderr.trim()}`);
  return stdout;
}
