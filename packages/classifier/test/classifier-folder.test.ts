import '@tensorflow/tfjs';
import { mkdtemp, rm, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';
import { writeModel } from '@vitvq/checkpoint';
import { ConfigError, DataError, ShapeError } from '@vitvq/core';
import { normal, shake } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClassifier, type ViTClassifierConfig } from '../src/index.js';
import { loadClassifier, saveClassifier } from '../src/node/index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-classifier-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const size = { imageSize: 4, patchSize: 2, dim: 8, depth: 1, numHeads: 2, mlpDim: 12 };
/** Every option other than its default. */
const unusual: ViTClassifierConfig = {
  ...size,
  channels: 1,
  pool: 'mean',
  activation: 'relu',
  positions: 'sincos',
  pixelNormalization: { mean: 0.4, deviation: 0.2 },
  recompute: true,
  classes: 2,
  classNames: ['cat', 'dog'],
};

it.each([{ ...size, classes: 3 }, unusual])('gives the classifier again, bit for bit: %o', async (config) => {
  const classifier = shake(createClassifier(config, { seed: 1 }));
  await saveClassifier(folder, classifier, { metadata: { licence: 'MIT' } });
  const loaded = await loadClassifier(folder);
  expect(loaded.classifier.config).toEqual(classifier.config);
  expect(loaded.metadata).toEqual({ licence: 'MIT' });
  const images = normal<tf.Rank.R4>([2, 4, 4, classifier.config.channels], 1);
  expect([...loaded.classifier.logits(images).dataSync()]).toEqual([...classifier.logits(images).dataSync()]);
  loaded.classifier.dispose();
  classifier.dispose();
});

it('leaves no tensors behind', async () => {
  const classifier = createClassifier(unusual, { seed: 1 });
  await saveClassifier(folder, classifier);
  classifier.dispose();
  await expectNoTensorLeak(async () => {
    (await loadClassifier(folder)).classifier.dispose();
  });
});

it('refuses folders of something else, and damaged ones', async () => {
  await expect(loadClassifier(folder)).rejects.toThrow(DataError);
  await writeModel(folder, { type: 'gpt', config: {} }, new Map());
  await expect(loadClassifier(folder)).rejects.toThrow(/expected a classifier, of type vit-classifier, got "gpt"/);
});

it.each([
  ['numHeads', 3, ConfigError],
  ['mlpDim', 13, ShapeError],
  ['depth', 1_000_000, ShapeError],
])('refuses a config.json whose %s was changed to %i', async (name, value, kind) => {
  await saveClassifier(folder, createClassifier({ ...size, classes: 3 }, { seed: 1 }));
  const file = join(folder, 'config.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(new RegExp(`"${name}": \\d+`), `"${name}": ${value}`));
  await expect(loadClassifier(folder)).rejects.toThrow(kind);
});
