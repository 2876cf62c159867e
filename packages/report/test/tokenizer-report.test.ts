import { join } from 'node:path';
import { readFile, readdir } from 'node:fs/promises';
import { ConfigError, ShapeError, randomKey, randomUniform, type HostImages, type RgbImage } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import {
  tokenizerReport,
  writeReport,
  type GalleryBlock,
  type TableBlock,
  type TokenizerReportFacts,
} from '../src/index.js';
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
        evaluation: { ...facts.evaluation, codebook: { ...facts.evaluation.codebook!, paperUsage: 0.9612 } },
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
    expect(page).toContain('Dead codes');
    const [, , , codebook] = tokenizerReport({ ...facts, codebookReports: [{ advice: [] }] }).sections;
    expect(JSON.stringify(codebook)).not.toContain('Closest');
  });

  describe('of residual codes', () => {
    const usages = [
      { usage: 0.75, perplexity: 3, counts: [40, 40, 0, 40] },
      { usage: 0.25, perplexity: 1, paperUsage: 0.2, counts: [0, 0, 120, 0] },
    ];
    // The codes of a token follow each other: 0, 1 or 3, then 2.
    const indices = Int32Array.from({ length: 240 }, (_, index) => (index % 2 === 1 ? 2 : [0, 1, 3][(index / 2) % 3]!));
    const evaluation = { ...facts.evaluation, indices, levels: usages };
    const sectionOf = (title: string, codebookReports?: TokenizerReportFacts['codebookReports']) =>
      tokenizerReport({ ...facts, evaluation, codebookReports }).sections.find((section) => section.title === title)!;

    it('shows use and dead codes of each level', async () => {
      const { blocks } = sectionOf('Codebook');
      expect(blocks.map(({ kind }) => kind)).toEqual(['charts', 'table']);
      expect(blocks[1]).toMatchObject({
        columns: ['level', 'codes used', 'dead codes', 'used by 256 images', 'perplexity'],
        rows: [
          ['1', '3 of 4 (75 %)', '1', '', '3.0'],
          ['2', '1 of 4 (25 %)', '3', '20 %', '1.0'],
        ],
      });
      const content = tokenizerReport({ ...facts, evaluation });
      expect(content.lead).toContain('2 × 2 tokens of 2 codes each, from a codebook of 4, 2 bytes instead of 192');
      expect(content.summary!.slice(1, 3)).toEqual([
        { label: 'Codebook usage', value: '50 %', note: 'mean of 2 levels' },
        { label: 'Perplexity', value: '2', note: 'mean of 2 levels, at most 4' },
      ]);
      const file = await writeReport(join(folder, 'levels'), content);
      expectBalanced(await readFile(file, 'utf8'));
      expect(await readdir(join(folder, 'levels'))).toEqual(
        expect.arrayContaining(['codebook-usage-level-1.png', 'codebook-usage-level-2.png']),
      );
    });

    it('passes on what is known of the codes of each level', () => {
      const closest = { pairs: [{ codes: [3, 7] as const, distance: 0.1 }], duplicates: [3, 7], threshold: 0.05 };
      const reports = [{ advice: [{ text: 'All is well.' }] }, { closest, advice: [{ text: 'It collapsed.' }] }];
      expect(sectionOf('Codebook', reports).blocks.slice(2)).toEqual([
        {
          kind: 'table',
          rows: [
            ['Level 2: closest codes', '3 and 7 (0.1)'],
            ['Level 2: codes that are alike', '2 within 0.05 of another code'],
          ],
        },
        { kind: 'text', text: 'Level 1: All is well.' },
        { kind: 'text', text: 'Level 2: It collapsed.' },
      ]);
      // Levels that share their codes: none of them is dead as long as a level uses it.
      const [, table, advice] = sectionOf('Codebook', [{ advice: [{ text: 'All is well.' }] }]).blocks;
      expect((table as TableBlock).rows[2]).toEqual(['any level', '3 of 4 (75 %)', '1', '', '2.8']);
      expect(advice).toEqual({ kind: 'text', text: 'All is well.' });
    });

    it('maps each level', () => {
      const [gallery] = sectionOf('Token maps').blocks as GalleryBlock[];
      expect(gallery!.labels).toEqual(['original', 'level 1', 'level 2', 'reconstruction']);
      const [, first, second] = gallery!.items[0]!.images;
      const colors = ({ data }: RgbImage): number =>
        new Set(Array.from({ length: data.length / 3 }, (_, pixel) => data.subarray(3 * pixel, 3 * pixel + 3).join()))
          .size;
      expect([colors(first!), colors(second!)]).toEqual([3, 1]);
      expect(gallery!.caption).toContain('2 × 2 tokens, which have 2 codes each.');
    });

    it('refuses tokens of another depth', () => {
      const misfit = { ...evaluation, levels: [...usages, usages[0]!] };
      expect(() => tokenizerReport({ ...facts, evaluation: misfit })).toThrow(
        'tokenMapsSection: expected 360 codes of tokens for 30 images, got 240.',
      );
    });
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
