import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import '@tensorflow/tfjs';
import { writeSafetensors } from '@vitvq/checkpoint';
import type { HostTensor } from '@vitvq/core';
import { runProgram, type ProgramEnding } from '@vitvq/test-utils/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorAdapter, type Adapter } from '../src/adapters/adapter.js';
import { adapters } from '../src/adapters/index.js';
import { startEngine, type Execute } from '../src/execute.js';
import { readManifest, type FixtureCase } from '../src/fixture.js';
import { leftOutReason } from '../src/left-out.js';
import { formatResult, formatSummary } from '../src/report.js';
import { runCase, type CaseResult } from '../src/run.js';

const golden = fileURLToPath(new URL('../fixtures/reference', import.meta.url));
/** Of the golden cases, one or two a kind that take little time. */
const quick = new Set([
  'posembed_d16_2x3',
  'vit_enc_dimhead_default',
  'vit_dec_nonsquare',
  'vq_plain_nonorm',
  'vq_beta1_map',
  'vq_residual2_norm',
  'gumbel_eval',
  'gumbel_residual2_train',
  'vitvq_basic',
  'sched_cosine',
  'init_vitdecoder',
]);
const format = 'enhancing-transformers golden fixtures, v1';

let folder: string;
let execute: Execute;

beforeAll(async () => {
  execute = await startEngine('cpu');
  folder = await mkdtemp(path.join(tmpdir(), 'conformance-'));
  await writeSafetensors(
    path.join(folder, 'doubling.safetensors'),
    new Map<string, HostTensor>([
      ['in/x', { shape: [2], data: Float32Array.of(1, 2) }],
      ['out/y', { shape: [2], data: Float32Array.of(2, 4) }],
    ]),
  );
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const doubling: FixtureCase = {
  name: 'doubling',
  module: 'Doubling',
  config: {},
  file: 'doubling.safetensors',
  inputs: { x: { shape: [2] } },
  outputs: { y: { shape: [2], atol: 1e-3 } },
};

/** Multiplies by `factor`; the case expects 2. */
function multiplying(factor: number): Adapter {
  return tensorAdapter(async ({ tensors }) => {
    const { shape, data } = tensors.get('in/x')!;
    return new Map([['out/y', { shape, data: Float32Array.from(data, (value) => factor * value) }]]);
  });
}

function run(fixture: FixtureCase, adapter: Adapter): Promise<CaseResult> {
  return runCase(fixture, { folder, adapters: new Map([['Doubling', adapter]]), execute });
}

describe('runCase', () => {
  it('passes a case whose values come out', async () => {
    const result = await run(doubling, multiplying(2));
    expect(result.status).toBe('pass');
    expect(formatResult(result)).toBe('PASS     doubling (Doubling): 1 compared, largest error / tolerance 0.0');
  });

  it('says where a case that passes is farthest off', async () => {
    const result = await run(doubling, multiplying(2.0001));
    expect(formatResult(result)).toMatch(
      /^PASS {5}doubling .*: 1 compared, largest error \/ tolerance 0\.20 at out\/y$/,
    );
  });

  it.each([
    ['a wrong value', 3, 'out/y: 6 instead of 4 at element 1'],
    ['NaN', NaN, 'out/y: NaN instead of 2 at element 0'],
  ])('misses %s', async (_what, factor, message) => {
    const result = await run(doubling, multiplying(factor));
    expect(result.status).toBe('miss');
    expect(formatResult(result)).toContain('MISS     doubling (Doubling):\n');
    expect(result.reason).toContain(message);
  });

  it('misses a module that nobody knows', async () => {
    const result = await run({ ...doubling, module: 'Tripling' }, multiplying(2));
    expect(result).toMatchObject({ status: 'miss', reason: 'nothing of the library is compared with this module yet' });
  });

  it('misses when something throws', async () => {
    const broken = tensorAdapter(() => Promise.reject(new Error('no such option')));
    expect(await run(doubling, broken)).toMatchObject({ status: 'miss', reason: 'Error: no such option' });
  });

  it('misses a file that is not there, or lacks a tensor', async () => {
    expect((await run({ ...doubling, file: 'gone.safetensors' }, multiplying(2))).status).toBe('miss');
    const { status, reason } = await run({ ...doubling, outputs: { z: { shape: [2] } } }, multiplying(2));
    expect(status).toBe('miss');
    expect(reason).toContain('expected the tensors that the manifest lists, got none named out/z');
  });

  it('misses a case that expects nothing', async () => {
    expect((await run({ ...doubling, outputs: {} }, multiplying(2))).status).toBe('miss');
  });

  it('leaves out what is left out on purpose, and prints why', async () => {
    const asIs = { ...doubling, module: 'RQTransformer', reference: 'as-is, with cumsum(-1)' };
    const result = await run(asIs, multiplying(2));
    expect(result.status).toBe('left out');
    expect(formatResult(result)).toMatch(
      /^LEFT OUT doubling \(RQTransformer\): the reference's mistaken sum over channels/,
    );
  });

  it('sums up', () => {
    const result = { name: 'a', module: 'b', comparisons: [] };
    const results: CaseResult[] = [
      { ...result, status: 'pass' },
      { ...result, status: 'miss' },
      { ...result, status: 'left out' },
      { ...result, status: 'left out' },
    ];
    expect(formatSummary(results, 1.25)).toBe('4 cases in 1.3 s: 1 passed, 1 missed, 2 left out on purpose');
  });
});

describe('leftOutReason', () => {
  it('goes by module, and by what was run', () => {
    const quantizer = { name: 'any', module: 'VectorQuantizer', config: {} };
    expect(leftOutReason(quantizer)).toBeUndefined();
    const transformer = { ...quantizer, module: 'RQTransformer' };
    expect(leftOutReason(transformer)).toBeUndefined();
    expect(leftOutReason({ ...transformer, reference: 'as-is, with cumsum(-1)' })).toContain('over depth');
    expect(leftOutReason({ ...transformer, reference: 'patched: cumsum(-2)' })).toBeUndefined();
    expect(leftOutReason({ ...quantizer, module: 'Doubling' })).toBeUndefined();
  });
});

describe('readManifest', () => {
  const write = (manifest: unknown): Promise<void> =>
    writeFile(path.join(folder, 'manifest.json'), JSON.stringify(manifest));

  it('refuses what is no manifest of this format', async () => {
    await expect(readManifest(path.join(folder, 'nowhere'))).rejects.toThrow(
      'Give the folder that holds manifest.json and the safetensors files.',
    );
    await write({ format: 'others', cases: [] });
    await expect(readManifest(folder)).rejects.toThrow(`expected format "${format}", got "others"`);
    await write({ format, cases: [{ name: 'a' }] });
    await expect(readManifest(folder)).rejects.toThrow('cases with name, module and config');
    await write({ format, hash: { check: { seed: 7, hashSym: [0.5], fnv1a_abc: 1 } }, cases: [doubling] });
    await expect(readManifest(folder)).rejects.toThrow('the hash rule of this runner');
  });

  it('reads the cases', async () => {
    await write({ format, set: 'own', cases: [doubling] });
    expect(await readManifest(folder)).toEqual({ folder, set: 'own', cases: [doubling] });
  });
});

describe('the library', () => {
  it.each(['cpu', 'onnx'] as const)('passes the golden cases on %s', async (engine) => {
    const started = await startEngine(engine);
    const manifest = await readManifest(golden);
    const cases = manifest.cases.filter(({ name }) => quick.has(name));
    expect(cases).toHaveLength(quick.size);
    const results = new Map<string, string>();
    for (const fixture of cases) {
      const { status, reason } = await runCase(fixture, { folder: golden, adapters, execute: started });
      results.set(fixture.name, status === 'miss' ? `miss: ${reason}` : status);
    }
    expect(Object.fromEntries(results)).toEqual(Object.fromEntries(cases.map(({ name }) => [name, 'pass'])));
  });

  it.each([
    ['a configuration key that nobody knows', { dropout: 0.5 }, 'got dropout 0.5'],
    ['another activation width', { mlpDim: 41 }, 'wrong shape'],
  ])('misses a golden case with %s', async (_what, change, message) => {
    const { cases } = await readManifest(golden);
    const fixture = cases.find(({ module }) => module === 'ViTDecoder')!;
    const changed = { ...fixture, config: { ...fixture.config, ...change } };
    const { status, reason } = await runCase(changed, { folder: golden, adapters, execute });
    expect(status).toBe('miss');
    expect(reason).toContain(message);
  });
});

describe('the program', () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const start = (...args: string[]): Promise<ProgramEnding> => runProgram(main, args);

  it('exits with 0 when all is well', async () => {
    const { code, output } = await start('--only', 'Scheduler');
    expect(output).toContain('3 cases');
    expect(code).toBe(0);
  });

  it('exits with 1 on a miss', async () => {
    const manifest = JSON.parse(await readFile(path.join(golden, 'manifest.json'), 'utf8')) as { cases: FixtureCase[] };
    const cases = [{ ...manifest.cases.find(({ name }) => name === 'sched_cosine')!, module: 'AnotherScheduler' }];
    await writeFile(path.join(folder, 'manifest.json'), JSON.stringify({ ...manifest, cases }));
    const { code, output } = await start(folder);
    expect(output).toContain('MISS     sched_cosine (AnotherScheduler)');
    expect(code).toBe(1);
  });

  it('exits with 2 when it cannot start', async () => {
    expect((await start(golden, golden)).code).toBe(2);
    expect((await start(golden, '--only', 'nothing like this')).code).toBe(2);
    expect((await start(golden, '--unknown')).code).toBe(2);
    expect((await start(golden, '--engine', 'abacus')).code).toBe(2);
    const { code, output } = await start(path.join(folder, 'nowhere'));
    expect(code).toBe(2);
    expect(output).toContain('expected a manifest of golden cases');
  });
});
