import { describe, expect, it } from 'vitest';
import { formatTable, median, summarize } from '../src/results.js';
import type { Measurement } from '../src/protocol.js';

const measurement = (ms: number, rss: number): Measurement => ({
  system: 'x',
  threads: 2,
  ms: [ms],
  cpu_ms: [ms * 2],
  per_run: 16,
  unit: 'images',
  params: 10,
  rss_mb: rss,
  compile_ms: 300,
});

describe('results', () => {
  it('takes the median', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  it('divides the peer by us, and our memory by the peer', () => {
    const ours = [100, 120, 110].map((ms) => measurement(ms, 50));
    const peer = [220, 400, 210].map((ms) => measurement(ms, 100));
    const result = summarize('w', 'p', 'onnx', ours, peer);
    expect(result).toMatchObject({
      ratio: 2,
      memoryRatio: 0.5,
      rounds: 3,
      ours: { ms: 110, compileMs: 300 },
      peer: { ms: 220 },
    });
    expect(formatTable([result])).toMatch(/w +p +2\.00 +110 +220/);
    expect(result.ours.bandwidthShare).toBeUndefined();
  });

  it('tells the share of the bandwidth where memory is the limit', () => {
    const ours = [{ ...measurement(100, 50), bytes: 2e9 }]; // 20 GB/s
    const result = summarize('w', 'p', 'onnx', ours, ours, 40e9);
    expect(result.ours.bandwidthShare).toBe(0.5);
    expect(formatTable([result])).toContain('50 %');
  });
});
