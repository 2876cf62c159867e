import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '@vitvq/core';
import { compareCards, formatCards, metricCardSchema, readCard, writeCard, type MetricCard } from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'cards-'));
afterAll(() => rmSync(folder, { recursive: true }));

const card: Extract<MetricCard, { metric: 'frechet-distance' }> = {
  format: 'vitvq metric card, version 1',
  metric: 'frechet-distance',
  value: 12.5,
  interval: { low: 12, high: 13, method: 'jackknife' },
  subject: 'generated',
  extractor: { name: 'classifier', hash: 'a'.repeat(64), inputSize: [32, 32], resize: null, isProxy: true },
  reference: { hash: 'b'.repeat(64), images: 200 },
  floor: { value: 1.25, images: [100, 100] },
  measured: { hash: 'c'.repeat(64), images: 100 },
  imageSize: [32, 32],
  resize: null,
  seed: 1,
  guidance: null,
  drawing: {},
  settings: {},
  versions: { node: '20.0.0' },
};

describe('card files', () => {
  it('come back as they were', async () => {
    const file = join(folder, 'card.json');
    await writeCard(file, card);
    expect(await readCard(file)).toEqual(card);
  });

  it('need a floor for a Fréchet distance, and an extractor for features', async () => {
    await expect(writeCard(join(folder, 'x.json'), { ...card, floor: null } as never)).rejects.toThrow(ConfigError);
    await expect(writeCard(join(folder, 'x.json'), { ...card, floor: undefined } as never)).rejects.toThrow('floor');
    expect(metricCardSchema.safeParse({ ...card, metric: 'precision', floor: null, extractor: null }).success).toBe(
      false,
    );
    expect(metricCardSchema.safeParse({ ...card, metric: 'precision', floor: null }).success).toBe(true);
  });

  it.each([
    ['no card', '{"metric": "frechet-distance"}'],
    ['no JSON', 'P6 3 3'],
    ['a list', '[]'],
  ])('are refused by name where the file holds %s', async (_name, text) => {
    const file = join(folder, 'other.json');
    writeFileSync(file, text);
    await expect(readCard(file)).rejects.toThrow(DataError);
    await expect(readCard(file)).rejects.toThrow(file);
  });
});

describe('compareCards', () => {
  const changed = (changes: Partial<typeof card>): MetricCard => ({ ...card, ...changes });

  it('tells which figure is better, and whether that is clear', () => {
    const lower = changed({ value: 9, interval: { low: 8, high: 10, method: 'jackknife' } });
    expect(compareCards(card, lower)).toEqual({
      name: 'Fréchet distance (proxy)',
      difference: -3.5,
      better: 'second',
      isClear: true,
      notes: [],
    });
    expect(compareCards(lower, card)).toMatchObject({ better: 'first', difference: 3.5 });
    expect(compareCards(card, card)).toMatchObject({ better: null, isClear: false });
    expect(compareCards(card, changed({ interval: null }))).toMatchObject({ isClear: null });
  });

  it.each<[string, Partial<typeof card>, string]>([
    ['metric', { metric: 'kernel-distance', floor: null } as never, 'metric: frechet-distance and kernel-distance'],
    ['subject', { subject: 'reconstructed' }, 'kind of images: generated images and reconstructed images'],
    [
      'extractor',
      { extractor: { ...card.extractor, hash: 'd'.repeat(64) } },
      'extractor: classifier, weights aaaaaaaaaaaa and classifier, weights dddddddddddd',
    ],
    [
      'reference',
      { reference: { hash: 'e'.repeat(64), images: 200 } },
      'reference set: 200 images, hash bbbbbbbbbbbb and 200 images, hash eeeeeeeeeeee',
    ],
    ['images', { measured: { ...card.measured, images: 99 } }, 'number of images: 100 images and 99 images'],
    ['imageSize', { imageSize: [64, 32] }, 'size of the images: [32, 32] and [64, 32]'],
    ['resize', { resize: 'center crop' }, 'resizing: not told and center crop'],
    ['guidance', { guidance: 1.5 }, 'guidance: none and 1.5'],
    ['how images were drawn', { drawing: { temperature: 1.1 } }, 'drawing: none and temperature 1.1'],
    ['settings', { settings: { subsets: 3 } }, 'settings: none and subsets 3'],
  ])('refuses cards of another %s', (_name, changes, reason) => {
    expect(() => compareCards(card, changed(changes))).toThrow(ConfigError);
    expect(() => compareCards(card, changed(changes))).toThrow(
      `compareCards: expected cards that were measured in the same way, got ${reason}. Measure one of them again`,
    );
  });

  it('names every reason, and sees hashes that differ at the end only', () => {
    const other = changed({ guidance: 2, reference: { hash: `${'b'.repeat(63)}c`, images: 200 } });
    expect(() => compareCards(card, other)).toThrow(/reference set: .*; guidance: none and 2\./);
  });

  it('compares what may differ, and notes it with seeds and versions', () => {
    const other = changed({ guidance: 2, seed: 4, versions: { node: '22.0.0' } });
    expect(compareCards(card, other, { allow: ['guidance'] }).notes).toEqual([
      'The cards differ in guidance: none and 2.',
      'The seeds differ: 1 and 4.',
      'Versions of node differ: 20.0.0 and 22.0.0.',
    ]);
    expect(() => compareCards(card, other, { allow: ['guidanse' as never] })).toThrow('did you mean "guidance"?');
    expect(() => compareCards(card, other, { allow: ['metric' as never] })).toThrow('what allow names');
  });
});

it('formatCards prints floor, interval and basis, and no control characters', () => {
  const evil = { ...card, extractor: { ...card.extractor, name: 'net\u001b[2J' } };
  const recall = { ...card, metric: 'recall', floor: null, interval: null, value: 0.5 } as const;
  const text = formatCards([evil, { ...recall, guidance: 2, drawing: { temperature: 1.1, candidates: 4 } }]);
  expect(text.split('\n')).toEqual([
    'Fréchet distance (proxy)  12.5  (95 %: 12 to 13, jackknife)  floor, real against real: 1.25 (100 and 100 images)',
    'Recall (proxy)            0.5',
    '100 generated images of 32 x 32 pixels, 200 real images (bbbbbbbbbbbb), features of net\\x1b[2J (aaaaaaaaaaaa)',
    '100 generated images of 32 x 32 pixels, 200 real images (bbbbbbbbbbbb), features of classifier (aaaaaaaaaaaa), guidance 2, candidates 4, temperature 1.1',
  ]);
});
