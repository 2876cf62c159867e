import '@tensorflow/tfjs';
import { UsageError } from '@vitvq/example-shared';
import { useEngine, type Precision } from '@vitvq/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureBandwidth } from '../src/bandwidth.js';
import { formatBatches, measureBatches } from '../src/batches.js';
import { formatImport, referenceShapes } from '../src/import-checkpoint.js';
import { formatMemory, measureMemory, measureSamplingMemory } from '../src/memory.js';
import { parseBenchOptions } from '../src/options.js';
import type { TimedRun } from '../src/workload.js';
import { presets, workloads } from '../src/workloads.js';

describe('workloads', () => {
  beforeAll(async () => {
    await useEngine({ name: 'onnx', threads: 1 });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it.each(Object.entries(workloads))('%s runs', async (_, { build }) => {
    const { runs, amount, unit, parameters } = build(presets.tiny);
    for (const { run } of runs) {
      await run();
      await run();
    }
    expect(amount).toBe(unit === 'tokens' ? 4 * 4 * presets.tiny.gpt.batch : presets.tiny.batch);
    expect(parameters).toBeGreaterThan(1000);
    // What a repeat reports is one step of everything.
    const steps = runs.reduce((sum, { share }) => sum + share, 0);
    expect(Number.isInteger(steps)).toBe(true);
  });

  it('are computed in the precision that is asked for', async () => {
    for (const name of ['tokenizer_roundtrip', 'stage1_step', 'gpt_step', 'gan_step']) {
      const first = async (precision: Precision): Promise<number> => {
        const [{ run }] = workloads[name]!.build(presets.tiny, precision).runs as [TimedRun];
        return (await run())[0]!;
      };
      const [exact, narrow] = [await first('float32'), await first('bfloat16')];
      expect(narrow, name).not.toBe(exact);
      expect(Math.abs(narrow - exact), name).toBeLessThan(0.05);
    }
  });

  it('sampling is measured by batch size', async () => {
    const samples = await measureBatches(presets.tiny.gpt, [1, 2]);
    expect(samples.map(({ batch }) => batch)).toEqual([1, 2]);
    for (const { batch, tokensPerSecond, milliseconds } of samples) {
      expect(tokensPerSecond).toBeCloseTo((1000 * batch) / milliseconds);
    }
    const text = formatBatches('tiny', [
      { batch: 1, tokensPerSecond: 500, milliseconds: 2 },
      { batch: 4, tokensPerSecond: 1000, milliseconds: 4 },
    ]);
    expect(text).toContain(`    1      500      2.00  ${'█'.repeat(20)}\n    4     1000      4.00  ${'█'.repeat(40)}`);
  });

  it('memory bandwidth is measured by processes of its own', async () => {
    expect(await measureBandwidth(2)).toBeGreaterThan(1e6);
  });

  it('a checkpoint to import has the names of the reference', () => {
    const shapes = referenceShapes({ ...presets.tiny.model, positions: 'learned' });
    expect(shapes['encoder.to_patch_embedding.0.weight']).toEqual([32, 3, 4, 4]);
    expect(shapes['pre_quant.weight']).toEqual([8, 32]);
    const sample = { ms: 1500, start_mb: 80, rss_mb: 200 };
    expect(formatImport(350, sample, { ...sample, ms: 500 })).toBe(
      'import of 350 MB: ours 1.50 s, peak memory 200 MB (80 MB before); torch.load 0.50 s, peak memory 200 MB (80 MB before)',
    );
  });

  it('memory is looked at after sampled batches', async () => {
    const samples = await measureSamplingMemory([1, 2]);
    expect(samples.map(({ steps }) => steps)).toEqual([1, 2]);
  });

  it('memory is looked at after the steps that were asked for', async () => {
    const samples = await measureMemory([1, 3]);
    expect(samples.map(({ steps }) => steps)).toEqual([1, 3]);
    for (const { rssMb } of samples) expect(rssMb).toBeGreaterThan(10);
    const text = formatMemory([
      { steps: 1, rssMb: 100, heapMb: 40, externalMb: 5 },
      { steps: 500, rssMb: 103, heapMb: 41, externalMb: 5 },
    ]);
    expect(text).toBe(
      'memory: start 100.0 MB (heap 40.0, external 5.0), step 500 103.0 MB (heap 41.0, external 5.0); growth 3.0 MB',
    );
  });
});

describe('options', () => {
  it('have defaults', () => {
    expect(parseBenchOptions([])).toMatchObject({
      workloads: Object.keys(workloads),
      presets: ['quick', 'small'],
      rounds: 7,
      threads: undefined,
      engine: 'onnx',
      json: false,
    });
    expect(parseBenchOptions(['--workload', 'memory_training', '--json'])).toMatchObject({
      workloads: ['memory_training'],
      json: true,
    });
  });

  it('are all checked before anything is said', () => {
    const parse = (): unknown => parseBenchOptions(['--workload', 'x', '--rounds', '0', '--engine', 'y', '--speed']);
    expect(parse).toThrow(UsageError);
    for (const message of [
      /--speed is not an option/,
      /--workload must be one of tokenizer_roundtrip, stage1_step/,
      /--rounds must be a whole number of at least 1, not 0/,
      /--engine must be one of/,
    ]) {
      expect(parse).toThrow(message);
    }
  });
});
