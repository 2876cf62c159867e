import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { readSafetensors, type TensorFile } from '@vitvq/checkpoint';
import { ConfigError, DataError, ShapeError, type HostTensor } from '@vitvq/core';
import { compile, useEngine } from '@vitvq/engine';
import { expectNoTensorLeak, hasEngine } from '@vitvq/test-utils';
import { it } from '@vitvq/test-utils/node';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { importFeatureExtractor, InceptionV3, loadFeatureExtractor, saveFeatureExtractor } from '../../src/index.js';
import { findInception } from '../../src/extractors/inception-v3.js';
import { fileOf, imageBytes, relativeDifference } from './formula.js';

const golden = fileURLToPath(new URL('golden/inception.safetensors', import.meta.url));
const isHere = await hasEngine('onnx');

/** File with every tensor of torch-fidelity's, drawn by the formula of the golden cases. */
function torchFidelity(others: Readonly<Record<string, readonly number[]>> = {}): TensorFile {
  const sources = findInception({ entries: [] }).weights.flatMap((weight) => weight.sources);
  const shapes = Object.fromEntries(sources.map(({ name, shape }) => [name, shape]));
  return fileOf({ ...shapes, 'fc.bias': [1008], 'Conv2d_1a_3x3.bn.num_batches_tracked': [], ...others }, Math.SQRT2);
}

describe.skipIf(!isHere)('InceptionV3 on the engine onnx', () => {
  let inception: InceptionV3;
  let expected: Map<string, HostTensor>;
  beforeAll(async () => {
    await useEngine({ name: 'onnx' });
    inception = await importFeatureExtractor('inception-v3-compat', torchFidelity());
    expected = (await readSafetensors(golden)).tensors;
  });
  afterAll(async () => {
    inception.dispose();
    await useEngine({ name: 'cpu' });
  });

  it.for([
    ['small', 40, 56],
    ['large', 310, 331],
  ] as const)('computes what torch-fidelity does of %s images', async ([name, height, width]) => {
    const features = compile((images: tf.Tensor4D) => inception.features(images), { variables: 'frozen' });
    const data = Float32Array.from(imageBytes(name, 1, height, width), (byte) => byte / 255);
    const images = tf.tensor4d(data, [1, height, width, 3]);
    const { pooled, logits, spatial, blocks } = await features(images);
    const got = { '2048': pooled, logits_unbiased: logits!, spatial: spatial!, ...blocks };
    for (const [part, tensor] of Object.entries(got)) {
      const { shape, data: values } = expected.get(`${name}.${part}`)!;
      expect([part, tensor.shape]).toEqual([part, shape]);
      // The golden cases were computed in float64.
      expect(relativeDifference(await tensor.data(), values), part).toBeLessThan(1e-5);
    }
    tf.dispose([images, got]);
    features.dispose();
  });

  it('is the same from a folder, and refuses a folder whose weights were changed', async ({ temporaryFolder }) => {
    await saveFeatureExtractor(temporaryFolder, inception, { metadata: { source: 'a formula' } });
    const loaded = await loadFeatureExtractor(temporaryFolder, 'inception-v3-compat');
    expect(loaded).toBeInstanceOf(InceptionV3);
    expect(loaded.hash).toBe(inception.hash);
    expect(loaded.hash).toMatch(/^[0-9a-f]{64}$/);
    loaded.dispose();
    const variable = inception.namedVariables().get('Mixed_7c.branch_pool.bias')!;
    const before = variable.clone();
    variable.assign(tf.add(variable, 1));
    await saveFeatureExtractor(temporaryFolder, inception);
    variable.assign(before);
    before.dispose();
    const loading = loadFeatureExtractor(temporaryFolder);
    await expect(loading).rejects.toThrow(DataError);
    await expect(loading).rejects.toThrow(`expected a network with SHA-256 ${inception.hash}, got `);
  });
});

describe('InceptionV3', () => {
  it('refuses the inception_v3 of torchvision, and says what to take', async () => {
    const importing = importFeatureExtractor(
      'inception-v3-compat',
      torchFidelity({ 'fc.weight': [1000, 2048], 'AuxLogits.fc.weight': [1000, 768] }),
    );
    await expect(importing).rejects.toThrow(ShapeError);
    await expect(importing).rejects.toThrow(
      'formula: expected the 471 tensors of the Inception of torch-fidelity, pytorch-fid or TensorFlow, got unexpected: ' +
        'AuxLogits.fc.weight; wrong shape: fc.weight [1000, 2048] instead of [1008, 2048]. Take weights-inception-2015-12-05-' +
        '6726825d.pth of torch-fidelity, ',
    );
  });

  it('names what a small file of something else lacks', async () => {
    await expect(importFeatureExtractor('inception-v3-compat', fileOf({ 'layer.weight': [2, 2] }))).rejects.toThrow(
      'got missing: Conv2d_1a_3x3.conv.weight, Conv2d_1a_3x3.bn.weight,',
    );
  });

  it('refuses values that are not finite', async () => {
    const file = torchFidelity();
    const reading: TensorFile = {
      ...file,
      read: async (entry) => {
        const tensor = await file.read(entry);
        if (entry.name === 'Conv2d_1a_3x3.conv.weight') tensor.data[3] = NaN;
        return tensor;
      },
    };
    await expect(importFeatureExtractor('inception-v3-compat', reading)).rejects.toThrow(
      'formula: expected finite values of Conv2d_1a_3x3.conv.weight, Conv2d_1a_3x3.bn.weight, ' +
        'Conv2d_1a_3x3.bn.running_var, got NaN or infinity.',
    );
  });

  it('is never used with weights that were not loaded', () => {
    expectNoTensorLeak(() => {
      const inception = new InceptionV3({ key: [0, 0] });
      const images = tf.zeros<tf.Rank.R4>([1, 8, 8, 3]);
      for (const use of [() => inception.features(images), () => inception.hash]) {
        expect(use).toThrow(ConfigError);
        expect(use).toThrow(
          'expected weights of inception-v3-compat, got none: random features would not measure what',
        );
      }
      images.dispose();
      inception.dispose();
    });
  });
});
