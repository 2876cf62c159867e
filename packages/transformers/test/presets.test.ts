import '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { randomKey } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { verifySampler } from '@vitvq/sampling';
import { GPT, VIM_BASE, VIM_LARGE, type TransformerPreset } from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

// Table 2 of arXiv:2110.04627: parameters, blocks, heads, width, hidden width, dropout.
describe.each<[string, TransformerPreset, [number, number, number, number, number, number]]>([
  ['VIM_BASE', VIM_BASE, [650e6, 24, 16, 1536, 6144, 0.1]],
  ['VIM_LARGE', VIM_LARGE, [1697e6, 36, 32, 2048, 8192, 0.1]],
])('%s', (_, preset, [parameters, depth, numHeads, dim, mlpDim, rate]) => {
  it('has the sizes of the paper, and about its number of parameters', () => {
    const dropout = { residual: rate, activation: rate, attention: rate };
    expect(preset).toMatchObject({ depth, numHeads, dim, mlpDim, dropout });
    // Four square matrices of attention, two of the feed-forward part; 8,192 codes on the way in
    // and out.
    const counted = depth * (4 * dim ** 2 + 2 * dim * mlpDim) + 2 * 8192 * dim;
    expect(counted / parameters).toBeGreaterThan(0.9);
    expect(counted / parameters).toBeLessThan(1.1);
  });

  it('makes a model with the choices of the paper, which the sampler follows', async () => {
    const tiny = { dim: 16, mlpDim: 64, depth: 2, numHeads: 4 };
    const model = new GPT({
      ...preset,
      ...tiny,
      vocabSize: 11,
      grid: [3, 4],
      conditionVocabSize: 5,
      key: randomKey(1),
    });
    expect(model.config).toMatchObject({ ...tiny, positions: 'grid', useTimeMixing: false, activation: 'gelu' });
    const names = [...model.namedVariables().keys()];
    expect(names.filter((name) => /timeMix|embedding\.positions/.test(name))).toEqual([]);
    expect(names).toContain('embedding.rowPositions');
    // Attention, its output, the hidden layer, the output of it.
    expect(Object.values(model.dropoutSites(2)).map((site) => site.rate)).toEqual(new Array(8).fill(rate));
    expect((await verifySampler(model)).passed).toBe(true);
  });
});
