import { ConfigError, ShapeError, type HostImages } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import {
  configRows,
  configSection,
  evaluationSection,
  likelihoodSection,
  probeSection,
  samplesSection,
  tokenMapsSection,
  trainingSection,
  writeReport,
  type ProbeFacts,
  type ReportSection,
} from '../src/index.js';
import { temporaryFolder } from './temporary-folder.js';

const images = (count: number): HostImages => ({
  data: Float32Array.from({ length: count * 4 }, (_, index) => index / 255),
  shape: [count, 2, 2, 1],
});
const training = { steps: 1204, seconds: 61, parameterCount: 1234567 };
const curve = { name: 'training', points: [[1, 6] as const, [1204, 5] as const] };
/** Cells of the tables, row by row. */
const rowsOf = ({ blocks }: ReportSection): readonly (readonly string[])[] =>
  blocks.flatMap((block) => (block.kind === 'table' ? block.rows : []));
const chartsOf = ({ blocks }: ReportSection) =>
  blocks.flatMap((block) => (block.kind === 'charts' ? block.charts : []));

describe('trainingSection', () => {
  const chart = { title: 'Loss', xLabel: 'step', yLabel: 'nats', series: [curve] };

  it('has curves, and rows of its own before those of the training', () => {
    const section = trainingSection({
      charts: [chart, { ...chart, series: [] }, { ...chart, file: 'psnr.png' }],
      training: { ...training, imagesPerSecond: 12.34 },
      engine: { name: 'onnx', threads: 2 },
      rows: [['PSNR', '20 dB']],
      caption: 'Numbers.',
      title: 'Tokenizer',
    });
    expect(section.title).toBe('Tokenizer');
    expect(chartsOf(section).map(({ file }) => file)).toEqual(['training-1.png', 'psnr.png']);
    expect(rowsOf(section)).toEqual([
      ['PSNR', '20 dB'],
      ['Engine', 'onnx'],
      ['Threads', '2'],
      ['Training speed', '12.3 images per second'],
      ['Steps', '1,204 in 1 min 1 s'],
      ['Parameters', '1,234,567'],
    ]);
    expect(section.blocks.at(-1)).toMatchObject({ caption: 'Numbers.' });
  });
});

it('evaluationSection lists what was measured', () => {
  const codebook = { usage: 0.5, perplexity: 1.5 };
  const section = evaluationSection({ dataset: 'pictures', evaluation: { count: 1000, psnr: 20, codebook } });
  expect(section.blocks[0]).toMatchObject({
    caption: 'Measured on 1,000 images of pictures that were kept out of the training.',
  });
  expect(rowsOf(section)).toEqual([
    ['PSNR', '20.00 dB, mean of the images'],
    ['Codes used', '50 %'],
    ['Perplexity', '1.5: as diverse as that many codes used evenly'],
  ]);
  const evaluation = {
    count: 2,
    psnr: 20,
    meanSquaredError: 0.012345,
    perceptualDistance: 0.5,
    codebook: { ...codebook, paperUsage: 0.25, counts: [3, 0] },
  };
  expect(rowsOf(evaluationSection({ dataset: 'pictures', evaluation })).slice(1, 5)).toEqual([
    ['Mean squared error', '0.0123'],
    ['Perceptual distance', '0.5'],
    ['Codes used', '1 of 2 (50 %)'],
    ['Used by a batch of 256 images', '25 % on average'],
  ]);
});

describe('likelihoodSection', () => {
  const facts = {
    title: 'GPT',
    curves: [curve],
    measurements: [{ name: 'Validation', nats: 5.1234 }],
    unigramNats: 6,
    training,
    rows: [['Codes', 'of 10 images']],
  };

  it('draws the unigram entropy as a level line beside the curves', () => {
    const section = likelihoodSection(facts);
    const [chart] = chartsOf(section);
    expect(chart).toMatchObject({
      file: 'likelihood.png',
      chart: {
        series: [
          curve,
          {
            name: 'unigram entropy',
            points: [
              [1, 6],
              [1204, 6],
            ],
          },
        ],
      },
    });
    expect(rowsOf(section).slice(0, 3)).toEqual([
      ['Validation', '5.123 nats per token'],
      ['Unigram entropy', '6.000 nats per token'],
      ['Codes', 'of 10 images'],
    ]);
  });

  it('has no chart without a point', () => {
    expect(chartsOf(likelihoodSection({ ...facts, curves: [] }))).toEqual([]);
  });
});

describe('samplesSection', () => {
  it('has a row of samples for each text', () => {
    const section = samplesSection({ samples: images(6), labels: ['a', 'b', 'c'], rows: ['cat', 'dog'], columns: 2 });
    const [gallery] = section.blocks;
    expect(gallery).toMatchObject({ kind: 'gallery', labels: ['a', 'b', 'c'], file: 'samples.png', columns: 2 });
    const items = gallery!.kind === 'gallery' ? gallery!.items : [];
    expect(items.map(({ caption, images }) => [caption, ...images.map(({ data }) => data[0])])).toEqual([
      ['cat', 0, 4, 8],
      ['dog', 12, 16, 20],
    ]);
  });

  it('refuses a sample too few', () => {
    const attempt = (): unknown => samplesSection({ samples: images(3), labels: ['a', 'b'], rows: ['cat', 'dog'] });
    expect(attempt).toThrow(ShapeError);
    expect(attempt).toThrow('samplesSection: expected 2 rows of 2 samples, got 3 samples.');
  });
});

describe('tokenMapsSection', () => {
  const facts = {
    originals: images(2),
    reconstructions: images(2),
    indices: [0, 1, 2, 3],
    grid: [1, 2] as const,
    codebookSize: 4,
  };

  it('refuses tokens and reconstructions that do not fit', () => {
    expect(() => tokenMapsSection({ ...facts, reconstructions: images(1) })).toThrow(
      'tokenMapsSection: expected reconstructions [2, 2, 2, 1], got [1, 2, 2, 1].',
    );
    expect(() => tokenMapsSection({ ...facts, indices: [0] })).toThrow(
      'tokenMapsSection: expected 4 tokens for 2 images, got 1.',
    );
    expect(() => tokenMapsSection({ ...facts, shown: 0 })).toThrow(ConfigError);
  });

  it('draws a sequence of tokens in rows instead of a strip', () => {
    const indices = Array.from({ length: 24 }, (_, index) => index % 4);
    const { blocks } = tokenMapsSection({ ...facts, indices, grid: [1, 12] });
    const [gallery] = blocks as readonly Extract<(typeof blocks)[number], { kind: 'gallery' }>[];
    const { width, height } = gallery!.items[0]!.images[1]!;
    expect([width, height]).toEqual([4, 3]);
    expect(gallery!.caption).toContain('one of the 1 × 12 tokens in reading order, which says nothing of places');
    const [strip] = tokenMapsSection(facts).blocks as readonly [typeof gallery];
    expect(strip!.caption).toContain('one of the 1 × 2 tokens. ');
  });
});

describe('probeSection', () => {
  const block = (name: string, top1: number): ProbeFacts['blocks'][number] => ({
    block: name,
    kind: 'model',
    dim: 8,
    chosen: { l2: 0.1 },
    test: { top1, top5: 1, interval: { low: top1 - 0.1, high: top1 + 0.1 } },
  });
  const blocks = [block('early', 0.25), block('late', 0.5)];
  const confusion = [
    [3, 1],
    [0, 4],
  ];
  const probe: ProbeFacts = {
    blocks,
    best: { ...blocks[1]!, test: { ...blocks[1]!.test, confusion } },
    samples: { train: 5000, validation: 50, test: 8 },
    warnings: ['Look out.'],
  };
  const options = { model: 'GPT', classes: ['cat', 'dog'], text: 'It saw no class.' };

  it('has a text, the sweep, its numbers, the confusion and the warnings', async () => {
    const section = probeSection(probe, options);
    expect(section.blocks.map(({ kind }) => kind)).toEqual(['text', 'charts', 'table', 'table', 'text']);
    expect(section.blocks[0]).toMatchObject({
      text:
        'A softmax layer on the features of a frozen block of the GPT, averaged over the tokens of an image. ' +
        'It saw no class. Trained on 5,000 images, penalty and block chosen on 50, tested on 8. ' +
        'The best block of the GPT by validation is late. Bands are 95 % intervals.',
    });
    expect(rowsOf(section)).toEqual([
      ['early', '8', '25.0', '15.0 to 35.0', '100.0', '0.1'],
      ['late', '8', '50.0', '40.0 to 60.0', '100.0', '0.1'],
      ['cat', '75', '25'],
      ['dog', '0', '100'],
    ]);
    const file = await writeReport(await temporaryFolder(), { title: 'Probe', sections: [section] });
    expect(file).toMatch(/report\.html$/);
  });

  it('leaves out a best block that nobody chose', () => {
    const section = probeSection({ ...probe, best: undefined, warnings: [] }, options);
    expect(section.blocks.map(({ kind }) => kind)).toEqual(['text', 'charts', 'table']);
  });
});

it('configRows flattens nested objects', () => {
  expect(configRows({ a: 1, b: { c: true, d: { e: 'x' } }, f: [1, 'two'], g: null, h: undefined })).toEqual([
    ['a', '1'],
    ['b.c', 'true'],
    ['b.d.e', 'x'],
    ['f', '1, two'],
    ['g', 'null'],
  ]);
});

it('configSection names the engine where it is known', () => {
  const captions = [{}, { engine: { name: 'cpu' } }, { engine: { name: 'onnx', threads: 1, description: 'fast' } }].map(
    (options) => configSection({ seed: 1 }, options).blocks[0],
  );
  expect(captions[0]).not.toHaveProperty('caption');
  expect(captions.slice(1)).toMatchObject([{ caption: 'cpu' }, { caption: 'onnx, 1 thread: fast' }]);
});
