import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import type { AttentionConfig } from '@vitvq/layers';
import { createTokenizerGradients, createTokenizerTrainer } from '@vitvq/stage1-trainer';
import { attentionCases, tinyBatches, tinyConfig, tinyImages, tinyTokenizerTraining } from '@vitvq/test-models';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import '@vitvq/test-utils';
import { createTokenizer, type ViTTokenizerConfig } from '../src/index.js';
import { loadTokenizer, saveTokenizer } from '../src/node/index.js';

let folder: string;
beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-attention-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const images = (): tf.Tensor4D => {
  const { data, shape } = tinyImages(3);
  return tf.tensor4d(data, [...shape]);
};

/** 4 x 4 tokens and two blocks on both sides. */
const configWith = (attention: AttentionConfig): ViTTokenizerConfig => {
  const size = { ...tinyConfig.encoder, depth: 2, attention };
  return { ...tinyConfig, patchSize: 2, encoder: size, decoder: size };
};

describe.each(Object.entries(attentionCases))('a tokenizer with attention of kind %s', (_kind, attention) => {
  it('has a gradient for every variable that is trained, recomputed or not', () => {
    const gradientsOf = (recompute: boolean): ReadonlyMap<string, tf.Tensor> => {
      const tokenizer = createTokenizer({ ...configWith(attention), recompute }, { seed: 1 });
      const { gradients } = createTokenizerGradients({ tokenizer })(images());
      expect([...gradients.keys()]).toEqual([...tokenizer.namedTrainableVariables().keys()]);
      tokenizer.dispose();
      return gradients;
    };
    const recomputed = gradientsOf(true);
    for (const [name, gradient] of gradientsOf(false)) {
      const largest = tf.max(tf.abs(gradient)).dataSync()[0]!;
      expect(Number.isFinite(largest) && largest > 0, name).toBe(true);
      expect(recomputed.get(name)!, name).toBeAllClose(gradient, { rtol: 1e-3, atol: 1e-6 });
    }
  });

  it('trains, is saved and loaded', async () => {
    const config = JSON.parse(JSON.stringify(configWith(attention))) as ViTTokenizerConfig;
    const tokenizer = createTokenizer(config, { seed: 1 });
    const training = tinyTokenizerTraining({ duration: { steps: 2 } });
    const trainer = createTokenizerTrainer({ tokenizer, config: training, openBatches: tinyBatches });
    expect(await trainer.run()).toMatchObject({ reason: 'finished', step: 2 });
    trainer.dispose();
    await saveTokenizer(folder, tokenizer, config);
    const loaded = await loadTokenizer(folder);
    expect([...loaded.namedVariables().keys()]).toEqual([...tokenizer.namedVariables().keys()]);
    const tokens = tokenizer.encode(images());
    expect(loaded.encode(images())).toBeAllClose(tokens, { rtol: 0, atol: 0 });
    expect(loaded.decode(tokens)).toBeAllClose(tokenizer.decode(tokens), { rtol: 0, atol: 0 });
    tokenizer.dispose();
    loaded.dispose();
  });
});

describe('the attention of a config', () => {
  it('is checked on both sides with the rest', () => {
    const { encoder, decoder } = configWith({ kind: 'full' });
    const config: ViTTokenizerConfig = {
      ...tinyConfig,
      patchSize: 2,
      encoder: { ...encoder, attention: { kind: 'windowed', window: 3 } },
      decoder: { ...decoder, depth: 1, attention: { kind: 'axial' } },
      quantizer: { ...tinyConfig.quantizer, codeDim: 0 },
    };
    const create = (): unknown => createTokenizer(config, { seed: 0 });
    expect(create).toThrow(ConfigError);
    expect(create).toThrow(/got 3 problems/);
    for (const problem of [
      'quantizer.codeDim is 0',
      'encoder.attention is {"kind":"windowed","window":3}: expected a window that divides the grid of 4x4 tokens',
      'decoder.attention is {"kind":"axial"}: expected two blocks or more',
    ]) {
      expect(create).toThrow(problem);
    }
  });

  it('is left for later where images are no whole number of patches', () => {
    const config = { ...configWith({ kind: 'linformer', rank: 99 }), imageSize: 9 };
    const create = (): unknown => createTokenizer(config, { seed: 0 });
    expect(create).toThrow('imageSize is 9: expected a multiple of patchSize 2x2');
    expect(create).not.toThrow('rank');
  });

  it('names wrong kinds and options', () => {
    const creating = (attention: object) => (): unknown =>
      createTokenizer(configWith(attention as AttentionConfig), { seed: 0 });
    expect(creating({ kind: 'local' })).toThrow(/encoder\.attention\.kind is "local".*'full' \| 'windowed'/);
    expect(creating({ kind: 'linformer', rank: 0 })).toThrow(
      'encoder.attention.rank is 0: expected an integer of at least 1',
    );
    expect(creating({ kind: 'full', window: 2 })).toThrow('unknown option "encoder.attention.window"');
  });
});
