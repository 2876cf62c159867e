import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layOut, mostBytes, pack } from '../src/gpu/bundle.js';
import { bfloat16Peak, formatFigures, stepFlops } from '../src/gpu/figures.js';
import { compareParity, formatParity, parityWorkloads, type ParityValues } from '../src/gpu/parity.js';
import { presets } from '../src/workloads.js';

describe('figures', () => {
  it('know the peaks of cards by their names', () => {
    expect(bfloat16Peak('NVIDIA H200')).toBe(989);
    expect(bfloat16Peak('NVIDIA H100 80GB HBM3')).toBe(989);
    expect(bfloat16Peak('NVIDIA H100 PCIe')).toBe(756);
    expect(bfloat16Peak('NVIDIA A100-SXM4-80GB')).toBe(312);
    expect(bfloat16Peak('NVIDIA L4')).toBe(121);
    expect(bfloat16Peak('NVIDIA L40S')).toBe(362);
    expect(bfloat16Peak('Quadro P4000')).toBeUndefined();
  });

  it('count the operations of a step', () => {
    const { gpt, batch } = presets.tiny;
    // One block of width 32 on 16 tokens: products 2 * 12 * 32 * 32, scores and values 4 * 16 * 32,
    // and the head 2 * 32 * 64.
    expect(stepFlops('gpt_step', presets.tiny)).toBe(3 * (24_576 + 2048 + 4096) * 16 * gpt.batch);
    // Two such blocks on 16 tokens, ends 2 * 64 * (48 + 8), and distances to 64 codes of 8 numbers.
    expect(stepFlops('stage1_step', presets.tiny)).toBe((3 * (2 * (24_576 + 2048) + 7168) + 1024) * 16 * batch);
    expect(stepFlops('gpt_sample', presets.tiny)).toBeUndefined();
  });

  it('are a line of a table, or say why there are none', () => {
    const about = { workload: 'gpt_step', preset: 'base', dtype: 'bfloat16', side: 'jax' } as const;
    expect(formatFigures({ ...about, missing: 'not installed' })).toBe('gpt_step    bfloat16  jax      not installed');
    const figures = { ms: 100, perSecond: 163_840, unit: 'tokens', memoryMb: 40_000, teraflops: 400, peakShare: 0.404 };
    expect(formatFigures({ ...about, ...figures, timeRatio: 1.25, memoryRatio: 0.9 })).toMatch(
      /jax +100\.0 +163840 tokens +40000 +1\.25 +0\.90 +400\.0 +40\.4 %$/,
    );
  });
});

describe('parity', () => {
  const expected: ParityValues = { workload: 'stage1_step', values: [[1, -2]] };

  it('is relative to the largest value', () => {
    const compare = (values: number[][]) => compareParity(expected, { ...expected, values });
    expect(compare([[1.002, -2]])).toMatchObject({ agrees: true });
    expect(compare([[1.02, -2]])).toMatchObject({ agrees: false });
    for (const wrong of [[[NaN, -2]], [[1]], []]) expect(compare(wrong).agrees).toBe(false);
    expect(formatParity(compare([[1.02, -2]]))).toMatch(/^✗ stage1_step +largest relative difference 1\.0e-2 \(/);
  });

  it('counts drawn tokens that are others', () => {
    const tokens = Array.from({ length: 100 }, (_, index) => index);
    const drawn = (values: number[]): ParityValues => ({ workload: 'gpt_sample', values: [values] });
    const other = (count: number) => tokens.map((token) => (token < count ? token + 1 : token));
    expect(compareParity(drawn(tokens), drawn(other(4)))).toMatchObject({ agrees: true, difference: 0.04 });
    expect(compareParity(drawn(tokens), drawn(other(6))).agrees).toBe(false);
  });
});

const isForBundles = process.platform === 'linux' && process.arch === 'x64';

describe.skipIf(!isForBundles)('the bundle for a machine with a GPU', () => {
  let root: string;
  let folder: string;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'vitvq-gpu-test-'));
    folder = join(root, 'bundle');
    const peers = join(root, 'peers');
    for (const path of [folder, peers]) mkdirSync(path);
    for (const name of ['peer_jax.py', 'peer_pytorch.py']) writeFileSync(join(peers, name), 'pass\n');
    await layOut(folder, peers);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  /** Runs a program of the bundle as where there is nothing else. */
  const run = (...args: string[]) =>
    spawnSync(join(folder, 'node'), args, { encoding: 'utf8', cwd: root, env: { PATH: '/usr/bin:/bin', HOME: root } });

  it('has all that it runs, and licences', () => {
    const names = ['node', 'run.js', 'ours.js', 'parity-main.js', 'worker.mjs', 'pjrt-worker.mjs', 'peer_jax.py'];
    const licences = ['node', 'koffi', 'onnxruntime', 'tensorflowjs', 'vitvq'].map((name) => `licences/${name}.txt`);
    for (const name of [...names, ...licences, 'README.txt']) expect(existsSync(join(folder, name)), name).toBe(true);
    expect(run('run.js', '--help').stdout).toBe('');
    expect(run(join(folder, 'run.js'), '--help').stdout).toContain('--jax-python FILE');
    const koffi = 'import("koffi").then(({ default: koffi }) => console.log(koffi.version))';
    writeFileSync(join(folder, 'koffi.js'), koffi);
    expect(run(join(folder, 'koffi.js')).stdout).toBe('3.3.4\n');
    rmSync(join(folder, 'koffi.js'));
  });

  it('computes one step of every workload on its own ONNX Runtime', () => {
    const lines = run(join(folder, 'parity-main.js'), 'onnx', 'tiny').stdout.trim().split('\n');
    const all = lines.map((line) => JSON.parse(line) as ParityValues);
    expect(all.map(({ workload }) => workload)).toEqual(parityWorkloads);
    for (const each of all) expect(compareParity(each, each)).toMatchObject({ agrees: true, difference: 0 });
  });

  it('is small, and refused when it is too large', () => {
    const files = readdirSync(folder, { recursive: true }).map((name) => statSync(join(folder, String(name))));
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    expect(bytes).toBeLessThan(180 * 2 ** 20); // a quarter when it is compressed
    expect(mostBytes).toBe(60 * 2 ** 20);
    const licences = join(folder, 'licences');
    expect(() => pack(licences, join(root, 'large.sh'), 1000)).toThrow(/expected at most 1000 bytes, got \d+/);
  });

  it('unpacks itself, runs with its options and leaves nothing', () => {
    const small = join(root, 'small');
    mkdirSync(small);
    writeFileSync(join(small, 'node'), '#!/bin/sh\necho "$@"; exit 3\n', { mode: 0o755 });
    const out = join(root, 'small.sh');
    pack(small, out);
    const temporary = join(root, 'temporary');
    mkdirSync(temporary);
    const env = { PATH: process.env['PATH'], TMPDIR: temporary };
    const { stdout, status } = spawnSync('/bin/sh', [out, '--minutes', '2'], { encoding: 'utf8', env });
    expect(stdout).toMatch(/\/run\.js --minutes 2\n$/);
    expect(status).toBe(3);
    expect(execFileSync('ls', ['-A', temporary], { encoding: 'utf8' })).toBe('');
    expect(statSync(out).mode & 0o100).toBe(0o100);
  });
});
