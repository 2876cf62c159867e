import * as tf from '@tensorflow/tfjs-core';
import { useEngine } from '@vitvq/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeCheck, exportTokenizer, exportTransformer, verifyExport } from '../src/index.js';
import { originalBy } from '../src/internal/originals.js';
import { classes, temporaryFolder, tinyGPT, tinyTokenizer } from './helpers.js';

beforeAll(async () => {
  await useEngine({ name: 'onnx', threads: 1 });
});
afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

const runtimes = ['node'] as const;

describe('a check under an engine that compiles', () => {
  it('compares the first example with what plain TensorFlow.js computes', async () => {
    const folder = await temporaryFolder();
    const tokenizer = tinyTokenizer();
    const parts = [
      await exportTokenizer(tokenizer, folder, { verify: { runtimes } }),
      await exportTransformer(tinyGPT(), classes, folder, { verify: { runtimes } }),
    ];
    for (const { report } of parts) {
      expect(report!.checks).toMatchObject([{ firstOriginalBy: 'tensorflow.js', passed: true }]);
      expect(describeCheck(report!.checks[0]!)).toContain('the first compared with plain TensorFlow.js');
    }
  });

  it('notices what the translation of the engine and of the files has wrong alike', async () => {
    const folder = await temporaryFolder();
    const tokenizer = tinyTokenizer();
    /** Another function where it is recorded than where it runs: a translation that is wrong. */
    const mistranslated = {
      grid: tokenizer.grid,
      vocabSize: tokenizer.vocabSize,
      codeDepth: tokenizer.codeDepth,
      namedVariables: () => tokenizer.namedVariables(),
      encode: (images: tf.Tensor4D) => tokenizer.encode(images),
      decode: (tokens: tf.Tensor2D | tf.Tensor3D): tf.Tensor4D => {
        const images = tokenizer.decode(tokens);
        return tf.getBackend() === 'cpu' ? images : tf.mul(images, 0.99);
      },
    };
    await exportTokenizer(mistranslated, folder, { verify: false });
    const { passed, checks } = await verifyExport(folder, { tokenizer: mistranslated }, { runtimes });
    expect(passed).toBe(false);
    expect(checks).toMatchObject([{ firstOriginalBy: 'tensorflow.js', passed: false }]);
  });

  it('leaves models that are too large for that to the engine, and says so', async () => {
    expect(originalBy(1e9)).toBe('tensorflow.js');
    expect(originalBy(1e11)).toBe('engine');
    const folder = await temporaryFolder();
    const { report } = await exportTokenizer(tinyTokenizer(), folder, { verify: { runtimes } });
    expect(describeCheck({ ...report!.checks[0]!, firstOriginalBy: 'engine' })).toContain(
      'none compared with plain TensorFlow.js, which would take too long',
    );
  });
});
