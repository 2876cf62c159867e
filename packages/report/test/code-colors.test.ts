import { ShapeError, randomKey, randomUniform } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { codeColors } from '../src/index.js';
import { principalComponents } from '../src/internal/principal-components.js';

const distance = (colors: Uint8Array, a: number, b: number): number =>
  Math.hypot(...[0, 1, 2].map((channel) => colors[a * 3 + channel]! - colors[b * 3 + channel]!));

describe('codeColors of a hash', () => {
  const colors = codeColors({ codebookSize: 8192 });

  it('are the same for the same code in every codebook', () => {
    expect([...colors.subarray(0, 30)]).toEqual([...codeColors({ codebookSize: 10 })]);
  });

  it('tell neighbours in the codebook apart', () => {
    const distances = Array.from({ length: 8191 }, (_, code) => distance(colors, code, code + 1)).sort((a, b) => a - b);
    expect(distances[4096]).toBeGreaterThan(70);
    expect(distances[400]).toBeGreaterThan(20);
  });

  it('use the whole circle of hues and are neither black nor white', () => {
    const strongest = [0, 0, 0];
    for (let code = 0; code < 8192; code++) {
      const rgb = [...colors.subarray(code * 3, code * 3 + 3)];
      strongest[rgb.indexOf(Math.max(...rgb))]!++;
      expect(Math.max(...rgb)).toBeGreaterThan(70);
      expect(Math.min(...rgb)).toBeLessThan(230);
    }
    for (const share of strongest) expect(share).toBeGreaterThan(1000);
  });
});

describe('codeColors of vectors', () => {
  it('are alike for codes that are alike', () => {
    // Three clusters of four codes in five dimensions.
    const noise = randomUniform(randomKey(1), 60, -0.05, 0.05);
    const data = noise.map((value, index) => value + (index % 5 === Math.floor(index / 20) ? 1 : 0));
    const colors = codeColors({ codebook: { shape: [12, 5], data } });
    for (let a = 0; a < 12; a++) {
      for (let b = 0; b < a; b++) {
        const same = Math.floor(a / 4) === Math.floor(b / 4);
        expect(distance(colors, a, b) < 60, `${a}, ${b}`).toBe(same);
      }
    }
    expect([...codeColors({ codebook: { shape: [12, 5], data } })]).toEqual([...colors]);
  });

  it('exist for codebooks without variance and with few dimensions', () => {
    const same = codeColors({ codebook: { shape: [3, 2], data: new Float32Array(6).fill(2) } });
    expect(distance(same, 0, 2)).toBe(0);
    const line = codeColors({ codebook: { shape: [3, 1], data: Float32Array.of(0, 1, 2) } });
    expect(line[0]).toBeLessThan(line[3]!);
    expect(line[3]).toBeLessThan(line[6]!);
  });

  it('need a codebook [K, E] of the right size', () => {
    const codebook = { shape: [2, 2], data: new Float32Array(4) };
    expect(() => codeColors({ codebook, codebookSize: 3 })).toThrow(ShapeError);
    expect(() => codeColors({ codebook, codebookSize: 3 })).toThrow(
      'expected a codebook [3, E], got [2, 2] with 4 values',
    );
    expect(() => codeColors({ codebook: { ...codebook, shape: [4] } })).toThrow('expected a codebook [K, E], got [4]');
    expect(() => codeColors({ codebook: { ...codebook, shape: [2, 3] } })).toThrow(ShapeError);
    expect(() => codeColors({ codebookSize: 0 })).toThrow('codebookSize to be an integer of at least 1');
  });
});

describe('principalComponents', () => {
  it('finds the axes of a rotated ellipse', () => {
    const uniform = randomUniform(randomKey(3), 2000, -1, 1);
    const data = new Float64Array(2000);
    for (let row = 0; row < 1000; row++) {
      const [along, across] = [4 * uniform[2 * row]!, uniform[2 * row + 1]!];
      data[2 * row] = 0.8 * along - 0.6 * across + 7;
      data[2 * row + 1] = 0.6 * along + 0.8 * across - 2;
    }
    const components = principalComponents(data, 1000, 2, 3);
    // 4 and 1, over sqrt(3)
    expect(components.map(({ deviation }) => deviation.toFixed(1))).toEqual(['2.3', '0.6']);
    const [first, second] = components.map(({ scores }) => scores);
    const correlation = (scores: Float64Array, offset: number): number => {
      const values = scores.map((_, row) => uniform[2 * row + offset]!);
      const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) * 1000);
      return Math.abs(scores.reduce((sum, score, row) => sum + score * values[row]!, 0) / norm);
    };
    expect(correlation(first!, 0)).toBeGreaterThan(0.99);
    expect(correlation(second!, 1)).toBeGreaterThan(0.99);
    for (const scores of [first!, second!]) {
      expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(0, 6);
      expect(scores.reduce((sum, score) => sum + score * score, 0) / 1000).toBeCloseTo(1, 9);
    }
    expect(first!.reduce((sum, score, row) => sum + score * second![row]!, 0)).toBeCloseTo(0, 6);
  });

  it('agrees with any number of dimensions', () => {
    const data = randomUniform(randomKey(4), 200 * 32);
    const scores = principalComponents(data, 200, 32, 32).map((component) => component.scores);
    for (let a = 0; a < 32; a++) {
      for (let b = 0; b <= a; b++) {
        const product = scores[a]!.reduce((sum, score, row) => sum + score * scores[b]![row]!, 0) / 200;
        expect(product).toBeCloseTo(a === b ? 1 : 0, 8);
      }
    }
  });
});
