import { join } from 'node:path';
import { readFile, readdir } from 'node:fs/promises';
import { ConfigError, ShapeError, randomKey, randomUniform, type HostImages } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { tokenizerReport, writeReport, type TokenizerReportFacts } from '../src/index.js';
import { expectBalanced } from './balanced.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = await temporaryFolder();
const originals: HostImages = { data: randomUniform(randomKey(1), 30 * 8 * 8 * 3), shape: [30, 8, 8, 3] };
const reconstructions: HostImages = { data: originals.data.map((value) => value / 2), shape: originals.shape };
const facts: TokenizerReportFacts = {
  title: 'A tokenizer',
  dataset: 'pictures',
  originals: {
    ...originals,
    names: Array.from({ length: 30 }, (_, index) => `class ${index}`),
  },
  evaluation: {
    count: 30,
    psnr: 21.834,
    psnrOfImages: new Float64Array(30).fill(21.8),
    codebook: { usage: 0.75, perplexity: 2.83, counts: [40, 40, 0, 40] },
    reconstructions,
    indices: Int32Array.from({ length: 120 }, (_, index) => [0, 1, 3][index % 3]!),
  },
  grid: [2, 2],
  charts: [
    {
      title: 'Loss',
      xLabel: 'step',
      yLabel: 'error',
      series: [
        {
          name: 'total',
          points: [
            [1, 0.12345],
            [2, 0.01],
          ],
        },
      ],
    },
  ],
  training: {
    steps: 1204,
    seconds: 300,
    imagesPerSecond: 128.44,
    images: 38528,
    parameterCount: 1234567,
    compileSeconds: 1.4,
  },
  engine: { name: 'onnx', reason: 'it is there', threads: 2, description: 'compiled' },
  config: { seed: 1, model: { dim: 128, patch: [4, 4] }, path: undefined, note: null },
  commands: [{ purpose: 'Go on', command: 'npx vitvq --resume' }],
};

describe('tokenizerReport', () => {
  it('says what a person wants to know', async () => {
    const content = tokenizerReport(facts);
    expect(content.summary).toEqual([
      { label: 'PSNR', value: '21.83', unit: 'dB', note: 'mean of 30 images' },
      { label: 'Codebook usage', value: '75 %', note: '3 of 4 codes' },
      { label: 'Perplexity', value: '3', note: 'at most 4' },
      { label: 'Steps', value: '1,204', note: 'in 5 min' },
      { label: 'Speed', value: '128', unit: 'images/s', note: 'onnx, 2 threads' },
    ]);
    expect(content.lead).toContain('Each 8 × 8 image becomes 2 × 2 tokens from a codebook of 4, 1 byte instead of 192');
    expect(content.sections.map(({ title }) => title)).toEqual([
      'Reconstructions',
      'Token maps',
      'Training',
      'Codebook',
      'Config',
      'How to go on',
    ]);
    const file = await writeReport(join(folder, 'run'), content);
    const page = await readFile(file, 'utf8');
    expectBalanced(page);
    for (const text of [
      'class 23 · 21.8 dB',
      'Loss: total goes from 0.123 to 0.01.',
      '38,528',
      '1,234,567',
      '1.4 s',
      'model.patch',
      '4, 4',
      'it is there',
    ]) {
      expect(page).toContain(text);
    }
    expect(page).not.toContain('class 24'); // 24 pairs by default
    expect((await readdir(join(folder, 'run'))).sort()).toEqual([
      'codebook-usage.png',
      'reconstructions.png',
      'report.html',
      'token-maps.png',
      'training-1.png',
    ]);
  });

  it("shows the similarity of codes when it knows their vectors, and the paper's usage", () => {
    const codebook = { shape: [4, 2], data: Float32Array.of(1, 0, 0, 1, -1, 0, 0, -1) };
    const text = JSON.stringify(
      tokenizerReport({
        ...facts,
        codebook,
        evaluation: { ...facts.evaluation, codebook: { ...facts.evaluation.codebook, paperUsage: 0.9612 } },
      }).sections.map(({ blocks }) =>
        blocks.map((block) => ('caption' in block ? block.caption : 'rows' in block ? block.rows : '')),
      ),
    );
    expect(text).toContain('first three principal components');
    expect(text).toContain('96.1 % on average');
  });

  it('tells of codes that are alike and passes advice on', async () => {
    const codebookReport = {
      closest: {
        pairs: [
          { codes: [3, 7] as const, distance: 0.01234 },
          { codes: [1, 2] as const, distance: 0.5 },
        ],
        duplicates: [3, 7],
        threshold: 0.05,
      },
      advice: [{ text: 'Lower codeDim.' }, { text: 'Try <more> codes.' }],
    };
    const page = await readFile(
      await writeReport(join(folder, 'advice'), tokenizerReport({ ...facts, codebookReports: [codebookReport] })),
      'utf8',
    );
    expectBalanced(page);
    for (const text of [
      '3 and 7 (0.0123), 1 and 2 (0.5)',
      '2 within 0.05 of another code',
      'Lower codeDim.',
      'Try &lt;more&gt; codes.',
    ]) {
      expect(page).toContain(text);
    }
    const [, , , codebook] = tokenizerReport({ ...facts, codebookReports: [{ advice: [] }] }).sections;
    expect(JSON.stringify(codebook)).not.toContain('Closest');
  });

  it('leaves out what is not known', async () => {
    const content = tokenizerReport({
      ...facts,
      charts: facts.charts.map((chart) => ({ ...chart, series: [{ name: 'none', points: [[1, NaN]] }] })),
      commands: [],
      training: { steps: 10, seconds: 7261, imagesPerSecond: 1.25 },
      engine: { name: 'cpu' },
      originals,
      shown: 2,
    });
    expect(content.sections[2]!.blocks.map(({ kind }) => kind)).toEqual(['table']);
    expect(content.sections.map(({ title }) => title)).not.toContain('How to go on');
    expect(content.summary!.slice(3).map(({ value, note }) => `${value} ${note}`)).toEqual([
      '10 in 2 h 1 min',
      '1.3 cpu',
    ]);
    const page = await readFile(await writeReport(join(folder, 'less'), content), 'utf8');
    expect(page).not.toMatch(/undefined|Compilation|NaN/);
  });

  it('refuses facts that do not fit each other', () => {
    const { evaluation } = facts;
    const short: HostImages = { data: originals.data.subarray(0, 192), shape: [1, 8, 8, 3] };
    const cases: [Partial<TokenizerReportFacts>, string][] = [
      [
        { evaluation: { ...evaluation, reconstructions: short } },
        'comparisonGallery: expected images [30, 8, 8, 3] in column "reconstruction", got [1, 8, 8, 3].',
      ],
      [{ evaluation: { ...evaluation, indices: [1] } }, 'tokenMapsSection: expected 120 tokens for 30 images, got 1.'],
      [
        { evaluation: { ...evaluation, psnrOfImages: [1] } },
        'reconstructionsSection: expected 30 PSNR values for 30 images, got 1.',
      ],
      [
        { originals: { ...originals, names: ['x'] } },
        'reconstructionsSection: expected 30 names for 30 images, got 1.',
      ],
    ];
    for (const [change, message] of cases) {
      expect(() => tokenizerReport({ ...facts, ...change })).toThrow(ShapeError);
      expect(() => tokenizerReport({ ...facts, ...change })).toThrow(message);
    }
    expect(() => tokenizerReport({ ...facts, shown: 0 })).toThrow(ConfigError);
  });
});
