import { ConfigError, randomKey, randomNormal, ShapeError, type HostTensor } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import {
  closestCodes,
  CodebookCounter,
  codebookReport,
  formatCodebookReport,
  type CodebookReportOptions,
} from '../src/index.js';

const codebookOf = (...codes: number[][]): HostTensor => ({
  shape: [codes.length, codes[0]!.length],
  data: Float32Array.from(codes.flat()),
});
const random = (size: number, dim: number): HostTensor => ({
  shape: [size, dim],
  data: randomNormal(randomKey(2), size * dim),
});
const findings = (...args: Parameters<typeof codebookReport>): string[] =>
  codebookReport(...args).advice.map(({ finding }) => finding);
const repeat = (count: number, times: number): number[] => new Array<number>(times).fill(count);

describe('closestCodes', () => {
  it.each([
    [true, 3],
    [false, 3],
    [true, 16],
  ])('finds what comparing every pair finds (normalize %s, %i channels)', (normalize, dim) => {
    const { shape, data } = random(60, dim);
    const rows = Array.from({ length: 60 }, (_, code) => {
      const row = [...data.subarray(code * dim, (code + 1) * dim)];
      const length = normalize ? Math.hypot(...row) : 1;
      return row.map((value) => value / length);
    });
    const all = rows.flatMap((a, first) =>
      rows.slice(first + 1).map((b, offset) => ({
        codes: [first, first + 1 + offset],
        distance: Math.hypot(...a.map((value, channel) => value - b[channel]!)),
      })),
    );
    all.sort((a, b) => a.distance - b.distance);
    const found = closestCodes({ shape, data }, { normalize, pairs: 7, duplicateDistance: 0.3 });
    expect(found.pairs.map(({ codes }) => codes)).toEqual(all.slice(0, 7).map(({ codes }) => codes));
    found.pairs.forEach(({ distance }, index) => expect(distance).toBeCloseTo(all[index]!.distance, 10));
    const within = all.filter(({ distance }) => distance <= found.threshold).flatMap(({ codes }) => codes);
    expect(found.duplicates).toEqual([...new Set(within)].sort((a, b) => a - b));
  });

  it('measures as the quantizer does', () => {
    const codebook = codebookOf([1, 0], [5, 0], [0, 1], [0.9, 0.4]);
    expect(closestCodes(codebook, { pairs: 1 }).pairs).toEqual([{ codes: [0, 1], distance: 0 }]);
    const [pair] = closestCodes(codebook, { pairs: 1, normalize: false }).pairs;
    expect(pair!.codes).toEqual([0, 3]);
    expect(pair!.distance).toBeCloseTo(Math.hypot(0.1, 0.4), 6);
  });

  it('calls codes duplicates relative to the spread of the codebook', () => {
    const codebook = codebookOf([0, 0], [0.01, 0], [10, 0], [10, 10], [0, 10]);
    expect(closestCodes(codebook, { normalize: false }).duplicates).toEqual([0, 1]);
    const thousandth = { ...codebook, data: codebook.data.map((value) => value / 1000) as Float32Array };
    expect(closestCodes(thousandth, { normalize: false }).duplicates).toEqual([0, 1]);
    expect(closestCodes(codebookOf([1, 1], [1, 1], [1, 1])).duplicates).toEqual([0, 1, 2]);
  });

  it('refuses what is no codebook', () => {
    expect(() => closestCodes({ shape: [4], data: new Float32Array(4) })).toThrow(ShapeError);
    expect(() => closestCodes({ shape: [2, 2], data: new Float32Array(3) })).toThrow(
      'closestCodes: expected a codebook [K, E] of at least 2 codes, got [2, 2] with 3 values.',
    );
    expect(() => closestCodes(codebookOf([1, 0], [0, NaN]))).toThrow('a codebook of finite values, got NaN in code 1');
    expect(() => closestCodes(codebookOf([1, 0], [0, 1]), { pairs: 0 })).toThrow('pairs to be an integer');
  });
});

describe('codebookReport', () => {
  it('tells facts and advises for a codebook that collapsed', () => {
    const counts = [...repeat(1000, 30), ...repeat(0, 70)];
    const report = codebookReport({ counts, paperUsage: 0.25 }, { codebook: random(100, 256), normalize: false });
    expect(report.codebookSize).toBe(100);
    expect(report.tokens).toBe(30_000);
    expect(report.usage).toBeCloseTo(0.3);
    expect(report.paperUsage).toBe(0.25);
    expect(report.perplexity).toBeCloseTo(30);
    expect(report.deadCodes).toHaveLength(70);
    expect(report.advice).toHaveLength(1);
    expect(report.advice[0]).toEqual({
      finding: 'collapsed',
      text:
        'The codebook collapsed: 30 of 100 codes (30 %) are used. ' +
        'Reset codes that are not chosen, where the quantizer can (codebook.reset), and start the codes as features (codebook.initialize): ' +
        'in docs/codebook-health.md 337 to 504 of 512 codes died without either, 257 to 422 with the start alone, 1 to 14 with resets alone and 0 to 11 with both. ' +
        'Normalise codes, where the quantizer can (normalize: true) and nothing resets them: 337 instead of 504 died there, ' +
        'and in the paper 96 % instead of 2 % were used; beside resets it gained nothing clear. ' +
        'Lower codeDim from 256 to between 8 and 32: in the paper 32 used 96 % and 256 used 4 %.',
    });
  });

  it('does not advise to normalise codes that are normalised, or are those of a residual quantizer', () => {
    const counts = [...repeat(1000, 30), ...repeat(0, 70)];
    const codebook = random(100, 8);
    const textOf = (options: CodebookReportOptions) => codebookReport({ counts }, options).advice[0]!.text;
    expect(textOf({ codebook, normalize: false })).toContain('Normalise');
    for (const options of [{ codebook }, { codebook, normalize: false, isResidual: true }, {}]) {
      expect(textOf(options)).toContain('The codebook collapsed');
      expect(textOf(options)).not.toContain('Normalise');
    }
  });

  it('does not advise what is already so, or what it cannot know', () => {
    const counts = [...repeat(1000, 30), ...repeat(0, 70)];
    for (const options of [{}, { codebook: random(100, 8) }]) {
      const text = codebookReport({ counts }, options)
        .advice.map((advice) => advice.text)
        .join(' ');
      expect(text).toContain('collapsed');
      expect(text).not.toContain('Normalise');
      expect(text).not.toContain('codeDim');
    }
  });

  it('advises what fixed codes allow', () => {
    for (const [alive, finding] of [
      [30, 'collapsed'],
      [80, 'dead-codes'],
    ] as const) {
      const counts = [...repeat(1000, alive), ...repeat(0, 100 - alive)];
      const [advice, ...others] = codebookReport({ counts }, { hasFixedCodes: true }).advice;
      expect(others).toEqual([]);
      expect(advice!.finding).toBe(finding);
      expect(advice!.text).toContain(`${alive} of 100 codes`);
      expect(advice!.text).toContain('fewer levels or bits would do');
      expect(advice!.text).not.toContain('codebook.reset');
    }
  });

  it('does not advise a smaller codebook where codes can be revived', () => {
    const counts = [1_000_000, ...repeat(1000, 79), ...repeat(0, 20)];
    expect(findings({ counts })).toEqual(['dead-codes']);
    expect(findings({ counts }, { hasFixedCodes: true })).toEqual(['dead-codes', 'uneven']);
  });

  it('finds dead codes, uneven use, a full codebook and nothing at all', () => {
    expect(findings({ counts: [...repeat(50, 80), ...repeat(0, 20)] })).toEqual(['dead-codes']);
    expect(findings({ counts: [100_000, ...repeat(1, 99)] })).toEqual(['uneven']);
    expect(findings({ counts: repeat(50, 100) })).toEqual(['full']);
    const counts = Array.from({ length: 100 }, (_, code) => 2000 / (code + 1));
    expect(findings({ counts })).toEqual(['healthy']);
    expect(codebookReport({ counts }).advice[0]!.text).toContain(
      'Nothing stands out: 100 of 100 codes (100 %) are used',
    );
  });

  it('names a size that would do where few codes stand for most tokens', () => {
    const { advice, perplexity } = codebookReport({ counts: [...repeat(10_000, 12), ...repeat(1, 244)] });
    expect(perplexity).toBeGreaterThan(12);
    expect(perplexity).toBeLessThan(16);
    expect(advice[0]!.text).toContain('a K of about 32 would lose little');
  });

  it('asks for more tokens before it judges the use of codes', () => {
    const { advice } = codebookReport({ counts: [300, ...repeat(0, 99)] });
    expect(advice).toEqual([
      {
        finding: 'too-few-tokens',
        text: 'Only 300 tokens were counted for 100 codes. Count at least 400: fewer leave codes out by chance.',
      },
    ]);
    expect(findings({ counts: repeat(0, 10) })).toEqual(['too-few-tokens']);
  });

  it('finds duplicates beside what the counts say', () => {
    const twins = random(100, 4);
    twins.data.copyWithin(40, 0, 40); // codes 10 to 19 are codes 0 to 9 once more
    const report = codebookReport({ counts: repeat(50, 100) }, { codebook: twins });
    expect(report.closest!.duplicates).toEqual(expect.arrayContaining(Array.from({ length: 20 }, (_, code) => code)));
    expect(report.advice.map(({ finding }) => finding)).toEqual(['full', 'duplicates']);
    expect(report.advice[1]!.text).toContain('of 100 codes have another one within');
  });

  it('takes a counter as it is, and prints', () => {
    const counter = new CodebookCounter(16);
    for (let batch = 0; batch < 8; batch++)
      counter.add(
        Int32Array.from({ length: 128 }, (_, at) => at % 12),
        32,
      );
    const report = codebookReport(counter, { codebook: random(16, 8), pairs: 1 });
    const text = formatCodebookReport(report);
    const [pair] = report.closest!.pairs;
    expect(text.split('\n')).toEqual([
      'codes               16, 1,024 tokens counted',
      'used                12 (75 %)',
      'used by 256 images  75 %',
      'perplexity          12.0 (3.58 of 4.00 bits)',
      'dead                12, 13, 14, 15',
      `closest             ${pair!.codes[0]} and ${pair!.codes[1]} at ${Number(pair!.distance.toPrecision(3))}`,
      `duplicates          0 codes within ${Number(report.closest!.threshold.toPrecision(3))} of another`,
      '- 4 codes were never chosen; 12 of 16 codes (75 %) are used. Reset them while training, where the quantizer can (codebook.reset): ' +
        'in docs/codebook-health.md resets left 1 to 14 of 512 codes dead instead of 337 to 504, and images gained 0.7 to 3.4 dB.',
    ]);
    const many = formatCodebookReport(codebookReport({ counts: [...repeat(9, 80), ...repeat(0, 20)] }));
    expect(many).toContain('dead        80, 81, 82, 83, 84, 85, 86, 87, 88, 89 and 10 more');
    expect(many).not.toContain('closest');
  });

  it('refuses counts and codebooks that do not fit', () => {
    expect(() => codebookReport({ counts: [1, -1] })).toThrow(ConfigError);
    expect(() => codebookReport({ counts: [1, 1, 1] }, { codebook: random(4, 2) })).toThrow(
      'codebookReport: expected shape [3, E], got [4, 2]. Give the codebook whose codes were counted.',
    );
  });
});
