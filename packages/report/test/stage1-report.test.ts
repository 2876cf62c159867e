import { join } from 'node:path';
import { readFile, readdir } from 'node:fs/promises';
import { ConfigError, ShapeError, randomKey, randomUniform } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { configurationRows, stage1Report, writeReport, type Stage1ReportFacts } from '../src/index.js';
import { expectBalanced } from './balanced.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = await temporaryFolder();
const originals = randomUniform(randomKey(1), 30 * 8 * 8 * 3);
const facts: Stage1ReportFacts = {
  title: 'A tokenizer',
  dataset: 'pictures',
  originals: {
    data: originals,
    shape: [30, 8, 8, 3],
    names: Array.from({ length: 30 }, (_, index) => `class ${index}`),
  },
  evaluation: {
    count: 30,
    psnr: 21.834,
    psnrOfImages: new Float64Array(30).fill(21.8),
    codebook: { usage: 0.75, perplexity: 2.83, counts: [40, 40, 0, 40] },
    reconstructions: { data: originals.map((value) => value / 2) },
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
  configuration: { seed: 1, model: { dim: 128, patch: [4, 4] }, path: undefined, note: null },
  commands: [{ purpose: 'Go on', command: 'npx vitvq --resume' }],
};

describe('stage1Report', () => {
  it('says what a person wants to know', async () => {
    const content = stage1Report(facts);
    expect(content.summary).toEqual([
      { label: 'PSNR', value: '21.83', unit: 'dB', note: 'mean of 30 images' },
      { label: 'Codebook usage', value: '75 %', note: '3 of 4 codes' },
      { label: 'Perplexity', value: '3', note: 'at most 4' },
      { label: 'Steps', value: '1,204', note: 'in 5 min' },
      { label: 'Speed', value: '128', unit: 'images/s', note: 'onnx, 2 threads' },
    ]);
    expect(content.lead).toContain('Each 8 × 8 image becomes 2 × 2 codes from a codebook of 4, 1 byte instead of 192');
    expect(content.sections.map(({ title }) => title)).toEqual([
      'Reconstructions',
      'Token maps',
      'Training',
      'Codebook',
      'Speed and engine',
      'Configuration',
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
      stage1Report({
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
      await writeReport(join(folder, 'advice'), stage1Report({ ...facts, codebookReport })),
      'utf8',
    );
    expectBalanced(page);
    for (const text of [
      '3 and 7 (0.0123), 1 and 2 (0.5)',
      '2 within 0.05 of another',
      'Lower codeDim.',
      'Try &lt;more&gt; codes.',
    ]) {
      expect(page).toContain(text);
    }
    const [, , , codebook] = stage1Report({ ...facts, codebookReport: { advice: [] } }).sections;
    expect(JSON.stringify(codebook)).not.toContain('Closest');
  });

  it('leaves out what is not known', async () => {
    const content = stage1Report({
      ...facts,
      charts: facts.charts.map((chart) => ({ ...chart, series: [{ name: 'none', points: [[1, NaN]] }] })),
      commands: [],
      training: { steps: 10, seconds: 7261, imagesPerSecond: 1.25 },
      engine: { name: 'cpu' },
      originals: { data: originals, shape: [30, 8, 8, 3] },
      examples: 2,
    });
    expect(content.sections.map(({ title }) => title)).not.toContain('Training');
    expect(content.summary!.slice(3).map(({ value, note }) => `${value} ${note}`)).toEqual([
      '10 in 2 h 1 min',
      '1.3 cpu',
    ]);
    const page = await readFile(await writeReport(join(folder, 'less'), content), 'utf8');
    expect(page).not.toMatch(/undefined|Compiling|NaN/);
  });

  it('refuses facts that do not fit each other', () => {
    const { evaluation } = facts;
    const cases: [Partial<Stage1ReportFacts>, string][] = [
      [
        { originals: { ...facts.originals, shape: [29, 8, 8, 3] } },
        'expected 5568 original values for 29 images, got 5760.',
      ],
      [
        { evaluation: { ...evaluation, reconstructions: { data: new Float32Array(3) } } },
        'expected 5760 reconstructed values for 30 images, got 3.',
      ],
      [{ evaluation: { ...evaluation, indices: [1] } }, 'expected 120 codes for 30 images, got 1.'],
      [{ evaluation: { ...evaluation, psnrOfImages: [1] } }, 'expected 30 PSNR values for 30 images, got 1.'],
      [{ originals: { ...facts.originals, names: ['x'] } }, 'expected 30 names for 30 images, got 1.'],
    ];
    for (const [change, message] of cases) {
      expect(() => stage1Report({ ...facts, ...change })).toThrow(ShapeError);
      expect(() => stage1Report({ ...facts, ...change })).toThrow(`stage1Report: ${message}`);
    }
    expect(() => stage1Report({ ...facts, examples: 0 })).toThrow(ConfigError);
  });
});

it('configurationRows flattens what is nested', () => {
  expect(configurationRows({ a: 1, b: { c: true, d: { e: 'x' } }, f: [1, 'two'], g: null, h: undefined })).toEqual([
    ['a', '1'],
    ['b.c', 'true'],
    ['b.d.e', 'x'],
    ['f', '1, two'],
    ['g', 'null'],
  ]);
});
