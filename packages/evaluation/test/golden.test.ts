import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, describe, expect, it } from 'vitest';
import { writeSafetensors } from '@vitvq/checkpoint';
import { elementCount, randomKey, type HostImages } from '@vitvq/core';
import '@vitvq/test-utils';
import {
  featureStatistics,
  frechetDistance,
  inceptionScore,
  kernelDistance,
  loadLPIPS,
  manifoldMetrics,
  msSSIM,
  reconstructionMetrics,
  ssim,
  type FeatureRows,
} from '../src/index.js';

interface Golden {
  readonly features: readonly {
    readonly name: string;
    readonly dim: number;
    readonly real: readonly number[];
    readonly generated: readonly number[];
    readonly neighbors: number;
    readonly frechet: number;
    readonly kernel: number;
    readonly manifold: Readonly<Record<'precision' | 'recall' | 'density' | 'coverage', number>>;
    readonly precisionAndRecall: { readonly precision: number; readonly recall: number };
  }[];
  readonly logits: readonly {
    readonly name: string;
    readonly dim: number;
    readonly logits: readonly number[];
    readonly splits: number;
    readonly mean: number;
    readonly stddev: number;
  }[];
  readonly images: readonly {
    readonly height: number;
    readonly width: number;
    readonly channels: number;
    readonly noise: number;
    readonly psnr: number;
    readonly gaussian: number;
    readonly uniform: number;
    readonly multiScale: number | null;
  }[];
  readonly lpips: {
    readonly height: number;
    readonly width: number;
    readonly noise: number;
    readonly channels: [number, number, number, number, number];
    readonly weights: readonly { readonly name: string; readonly shape: number[] }[];
    readonly distance: number;
  };
}

const golden = JSON.parse(readFileSync(new URL('golden/metrics.json', import.meta.url), 'utf8')) as Golden;

const folder = mkdtempSync(join(tmpdir(), 'golden-'));
const file = join(folder, 'lpips.safetensors');
afterAll(() => rmSync(folder, { recursive: true }));

const rowsOf = (values: readonly number[], dim: number): FeatureRows => ({ dim, data: Float64Array.from(values) });

/** Returns original and reconstruction by the formula of golden/metrics.py. */
function imagePair(height: number, width: number, channels: number, noise: number): [HostImages, HostImages] {
  const shape = [1, height, width, channels] as const;
  const original = new Float32Array(height * width * channels);
  const moved = original.slice();
  original.forEach((_, at) => {
    const c = at % channels;
    const x = Math.floor(at / channels) % width;
    const y = Math.floor(at / channels / width);
    const smooth = (3 * x + 5 * y + 17 * c + ((x * y) >> 3)) % 256;
    const other = smooth + ((7 * x + 13 * y + 5 * c + ((x * y) >> 1)) % (2 * noise + 1)) - noise;
    original[at] = smooth / 255;
    moved[at] = Math.min(255, Math.max(0, other)) / 255;
  });
  return [
    { data: original, shape },
    { data: moved, shape },
  ];
}

/** Returns a weight by the formula of golden/metrics.py. */
function weightOf(name: string, shape: readonly number[], tensor: number): Float32Array {
  const [scale, shift] = name.startsWith('lin')
    ? [1, 0.5]
    : [name.endsWith('bias') ? 0.2 : 2 * Math.sqrt(6 / (9 * shape[1]!)), 0];
  return Float32Array.from({ length: elementCount(shape) }, (_, index) => {
    const bits = Math.imul(index * 31 + tensor * 17 + 7, 2654435761) >>> 0;
    return (bits / 2 ** 32 - 0.5) * scale + shift;
  });
}

describe.each(golden.features)('figures of features, $name', (entry) => {
  const [real, generated] = [rowsOf(entry.real, entry.dim), rowsOf(entry.generated, entry.dim)];

  it('has the Fréchet distance of torch-fidelity', () => {
    const distance = frechetDistance(featureStatistics(real), featureStatistics(generated));
    // Both sides take square roots of eigenvalues that are 0 but for rounding.
    expect(distance).toBeAllClose(entry.frechet, { rtol: 1e-6 });
  });

  it('has the kernel distance of torch-fidelity', () => {
    const size = Math.min(real.data.length, generated.data.length) / entry.dim;
    const alike = [real, generated].map(({ dim, data }) => ({ dim, data: data.slice(0, size * dim) }));
    const { mean } = kernelDistance(alike[0]!, alike[1]!, { subsets: 1, subsetSize: size, key: randomKey(1) });
    expect(mean).toBeAllClose(entry.kernel, { rtol: 1e-9, atol: 1e-9 });
  });

  it('has precision and recall of torch-fidelity, density and coverage of prdc', () => {
    const { precision, recall, density, coverage } = manifoldMetrics(real, generated, { neighbors: entry.neighbors });
    const { manifold } = entry;
    expect([precision, recall, density, coverage]).toBeAllClose([
      manifold.precision,
      manifold.recall,
      manifold.density,
      manifold.coverage,
    ]);
    expect([precision, recall]).toBeAllClose([entry.precisionAndRecall.precision, entry.precisionAndRecall.recall]);
  });
});

it.each(golden.logits)('has the Inception score of torch-fidelity, $name', ({ dim, logits, splits, mean, stddev }) => {
  const score = inceptionScore(rowsOf(logits, dim), { splits });
  expect(score.mean).toBeAllClose(mean, { rtol: 1e-10 });
  const deviations = Array.from(score.splits, (value) => (value - score.mean) ** 2);
  expect(Math.sqrt(deviations.reduce((sum, value) => sum + value, 0) / splits)).toBeAllClose(stddev, { rtol: 1e-8 });
});

describe.each(golden.images)('figures of $height x $width x $channels images', (entry) => {
  const [original, moved] = imagePair(entry.height, entry.width, entry.channels, entry.noise);

  it('has PSNR and both kinds of SSIM of scikit-image', () => {
    const { psnr } = reconstructionMetrics(original.data, moved.data, original.data.length);
    expect(psnr).toBeAllClose(entry.psnr, { rtol: 1e-6 });
    expect(ssim(original, moved)).toBeAllClose([entry.gaussian], { rtol: 1e-6 });
    expect(ssim(original, moved, { window: 'uniform' })).toBeAllClose([entry.uniform], { rtol: 1e-6 });
  });
});

it('has MS-SSIM of pytorch-msssim', () => {
  const large = golden.images.filter(({ multiScale }) => multiScale !== null);
  expect(large).toHaveLength(1);
  const [original, moved] = imagePair(large[0]!.height, large[0]!.width, large[0]!.channels, large[0]!.noise);
  expect(msSSIM(original, moved)).toBeAllClose([large[0]!.multiScale!], { rtol: 1e-6 });
});

it('has the distance of lpips, with weights under its names', async () => {
  const { height, width, noise, channels, weights, distance } = golden.lpips;
  const tensors = weights.map(({ name, shape }, tensor) => {
    return [name, { shape, data: weightOf(name, shape, tensor) }] as const;
  });
  await writeSafetensors(file, new Map(tensors));
  const lpips = await loadLPIPS(file, { channels });
  const [original, moved] = imagePair(height, width, 3, noise).map(({ data, shape }) => tf.tensor4d(data, [...shape]));
  expect(lpips.distance(original!, moved!)).toBeAllClose([distance], { rtol: 1e-5 });
  lpips.dispose();
});
