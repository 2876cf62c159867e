import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeSafetensors } from '@vitvq/checkpoint';
import { ConfigError, DataError, ShapeError, type HostTensor } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { it } from '@vitvq/test-utils/node';
import { beforeAll, describe, expect } from 'vitest';
import {
  importFeatureExtractor,
  loadFeatureExtractor,
  loadLPIPS,
  saveFeatureExtractor,
  VGG16LPIPS,
} from '../../src/index.js';
import { findVgg16 } from '../../src/extractors/vgg16-lpips.js';
import { fileOf, imageBytes, weight } from './formula.js';

const channels = [2, 3, 4, 5, 6] as const;
const scaling = { 'scaling_layer.shift': [1, 3, 1, 1], 'scaling_layer.scale': [1, 3, 1, 1] };

/** Tensors of a narrow VGG16 by the names of the package lpips. */
const lpips = ((): Record<string, readonly number[]> => {
  const biases = [1, 2, 3, 4, 5].map((stage, index) => [
    `net.slice${stage}.${[2, 7, 14, 21, 28][index]}.bias`,
    [channels[index]!],
  ]);
  const { weights } = findVgg16(fileOf({ ...scaling, ...(Object.fromEntries(biases) as Record<string, number[]>) }));
  return Object.fromEntries(weights.flatMap(({ sources }) => sources.map(({ name, shape }) => [name, shape])));
})();
const isLinear = (name: string): boolean => name.startsWith('lin');
const only = (keep: (name: string) => boolean): Record<string, readonly number[]> =>
  Object.fromEntries(Object.entries(lpips).filter(([name]) => keep(name)));

/** Values by the names of the package, where weights of linear layers are not negative. */
function tensorsOf(shapes: Readonly<Record<string, readonly number[]>>): Map<string, HostTensor> {
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const tensor = weight(name, shape);
      return [name, isLinear(name) ? { shape, data: tensor.data.map(Math.abs) } : tensor];
    }),
  );
}

function images(name: string): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from(imageBytes(name, 2, 20, 24), (byte) => byte / 255),
    [2, 20, 24, 3],
  );
}

beforeAll(() => useEngine({ name: 'cpu' }));

describe('VGG16LPIPS', () => {
  it('is LPIPS, with the features of its stages, also from its folder', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'lpips.safetensors');
    await writeSafetensors(file, tensorsOf(lpips));
    const [extractor, reference] = [
      await importFeatureExtractor('vgg16-lpips', file),
      await loadLPIPS(file, { channels }),
    ];
    const [a, b] = [images('a'), images('b')];
    const distances = await reference.distance(a, b).data();
    expect(distances.every((distance) => distance > 0)).toBe(true);
    expect(await extractor.distance(a, b).data()).toEqual(distances);
    const { pooled, blocks } = extractor.features(a);
    expect(pooled.shape).toEqual([2, 6]);
    expect(Object.entries(blocks!).map(([name, { shape }]) => [name, shape])).toEqual([
      ['relu1_2', [2, 20, 24, 2]],
      ['relu2_2', [2, 10, 12, 3]],
      ['relu3_3', [2, 5, 6, 4]],
      ['relu4_3', [2, 2, 3, 5]],
      ['relu5_3', [2, 1, 1, 6]],
    ]);
    await saveFeatureExtractor(join(temporaryFolder, 'saved'), extractor);
    const loaded = await loadFeatureExtractor(join(temporaryFolder, 'saved'), 'vgg16-lpips');
    expect(await loaded.distance(a, b).data()).toEqual(distances);
    expectNoTensorLeak(() => tf.dispose(loaded.features(a)));
    for (const each of [extractor, loaded, reference, a, b]) each.dispose();
  });

  it('takes VGG16 of torchvision and the linear layers from two files', async ({ temporaryFolder }) => {
    const write = async (name: string, tensors: ReadonlyMap<string, HostTensor>): Promise<string> => {
      await writeSafetensors(join(temporaryFolder, name), tensors);
      return join(temporaryFolder, name);
    };
    const features = new Map(
      [...tensorsOf(only((name) => name.startsWith('net.')))].map(([name, tensor]) => [
        name.replace(/^net\.slice\d/, 'features'),
        tensor,
      ]),
    );
    features.set('classifier.0.weight', weight('classifier.0.weight', [4, 4]));
    const vgg = await write('vgg16.safetensors', features);
    const linear = await write('linear.safetensors', tensorsOf(only(isLinear)));
    const extractor = await importFeatureExtractor('vgg16-lpips', [vgg, linear]);
    const reference = await loadLPIPS([vgg, linear], { channels });
    const [a, b] = [images('a'), images('b')];
    expect(await extractor.distance(a, b).data()).toEqual(await reference.distance(a, b).data());
    for (const each of [extractor, reference, a, b]) each.dispose();
    await expect(importFeatureExtractor('vgg16-lpips', [vgg, linear, linear])).rejects.toThrow(DataError);
    await expect(importFeatureExtractor('vgg16-lpips', [vgg, linear, linear])).rejects.toThrow(
      'expected each tensor once, got lin0.model.1.weight more than once.',
    );
    await expect(importFeatureExtractor('vgg16-lpips', vgg)).rejects.toThrow(ShapeError);
    await expect(importFeatureExtractor('vgg16-lpips', vgg)).rejects.toThrow('got missing: lin0.model.1.weight, lin1');
  });

  it('takes no memory for a config that its folder does not fill', async ({ temporaryFolder }) => {
    const extractor = await importFeatureExtractor('vgg16-lpips', fileOf(lpips));
    await saveFeatureExtractor(temporaryFolder, extractor);
    extractor.dispose();
    const config = join(temporaryFolder, 'config.json');
    const content = JSON.parse(readFileSync(config, 'utf8')) as { config: { channels: number[] } };
    content.config.channels[4] = 2 ** 20;
    writeFileSync(config, JSON.stringify(content));
    await expect(loadFeatureExtractor(temporaryFolder)).rejects.toThrow(ShapeError);
    await expect(loadFeatureExtractor(temporaryFolder)).rejects.toThrow(/VGG16/);
  });

  it('is never used with weights that were not loaded', () => {
    const extractor = new VGG16LPIPS({ kind: 'vgg16-lpips', channels: [...channels] }, { key: [0, 0] });
    const a = images('a');
    expect(() => extractor.distance(a, a)).toThrow(ConfigError);
    expect(() => extractor.features(a)).toThrow('expected weights of vgg16-lpips, got none');
    for (const each of [extractor, a]) each.dispose();
  });
});

it('a kind that does not exist is refused with the nearest name, and so is no file at all', async () => {
  await expect(importFeatureExtractor('clip-vitt' as 'clip-vit', 'nowhere')).rejects.toThrow(
    'did you mean "clip-vit"?',
  );
  await expect(importFeatureExtractor('dinov2', {} as never)).rejects.toThrow(
    'importFeatureExtractor: expected checkpoint to have file, entries, read, got an object without file, entries, read.',
  );
});
