import '@tensorflow/tfjs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { assertTokenizerFits, Module, type QuantizeResult, type Quantizer } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { quantizerKinds, type QuantizerConfig, type QuantizerKind } from '@vitvq/quantizers';
import { createTokenizerGradients, createTokenizerTrainer } from '@vitvq/stage1-trainer';
import { quantizerCases, tinyBatches, tinyConfig, tinyImages, tinyTokenizerTraining } from '@vitvq/test-models';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import '@vitvq/test-utils';
import { createTokenizer, type VQTokenizer } from '../src/index.js';
import { loadTokenizer, saveTokenizer } from '../src/node/index.js';

let folder: string;
beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-kinds-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const images = (): tf.Tensor4D => {
  const { data, shape } = tinyImages(3);
  return tf.tensor4d(data, [...shape]);
};

/** Trains for two steps in the ordinary trainer, with a codebook from data where there is one. */
async function train(tokenizer: VQTokenizer): Promise<void> {
  const { codebook } = tokenizer.quantizer;
  const config = tinyTokenizerTraining({
    duration: { steps: 2 },
    codebook: {
      autoencoderFraction: 0,
      initializeFromData: codebook !== undefined,
      resetEvery: codebook?.reset === undefined ? 0 : 1,
    },
  });
  const trainer = createTokenizerTrainer({ tokenizer, config, openBatches: tinyBatches });
  expect(await trainer.run()).toMatchObject({ reason: 'finished', step: 2 });
  trainer.dispose();
}

function expectSameTokenizer(loaded: VQTokenizer, saved: VQTokenizer): void {
  expect([...loaded.namedVariables().keys()]).toEqual([...saved.namedVariables().keys()]);
  const tokens = saved.encode(images());
  expect(loaded.encode(images())).toBeAllClose(tokens, { rtol: 0, atol: 0 });
  expect(loaded.decode(tokens)).toBeAllClose(saved.decode(tokens), { rtol: 0, atol: 0 });
}

describe.each(Object.entries(quantizerCases))(
  'a tokenizer with a quantizer of kind %s',
  (_type, { config: quantizer }) => {
    const config = { ...tinyConfig, quantizer };

    it('has a gradient for every variable that is trained', () => {
      const tokenizer = createTokenizer(config, { seed: 1 });
      const shape = tokenizer.noiseShape(3);
      const noise = shape && tf.fill([...shape], 0.5);
      const { gradients } = createTokenizerGradients({ tokenizer })(images(), { noise });
      expect([...gradients.keys()]).toEqual([...tokenizer.namedTrainableVariables().keys()]);
      for (const [name, gradient] of gradients) {
        const largest = tf.max(tf.abs(gradient)).dataSync()[0]!;
        expect(Number.isFinite(largest) && largest > 0, name).toBe(true);
      }
      tokenizer.dispose();
    });

    it('trains, is saved and loaded, and fits a model of its tokens', async () => {
      const tokenizer = createTokenizer(config, { seed: 1 });
      await train(tokenizer);
      await saveTokenizer(folder, tokenizer, config);
      const loaded = await loadTokenizer(folder);
      expectSameTokenizer(loaded, tokenizer);
      const { vocabSize, grid, codeDepth } = loaded;
      const tokens = loaded.encode(images());
      expect(tokens.shape).toEqual(codeDepth === 1 ? [3, 4] : [3, 4, codeDepth]);
      expect(Math.max(...tokens.dataSync())).toBeLessThan(vocabSize);
      expect(() => assertTokenizerFits(loaded, { vocabSize, grid, codeDepth }, 'test')).not.toThrow();
      tokenizer.dispose();
      loaded.dispose();
    });
  },
);

const table = { codebookSize: 7, codeDim: 2 } as const;
it.each<QuantizerConfig>([
  { kind: 'vector', ...table, sampleTemperature: 0.5, diversityWeight: 0.1, orthogonalWeight: 0.1 },
  { kind: 'grouped', groups: 2, codebooks: 'shared', quantizer: { kind: 'gumbel', ...table } },
  {
    kind: 'product',
    quantizers: [
      { kind: 'diveq', ...table, trackUsage: true },
      { kind: 'ema', ...table, trackUsage: true },
    ],
  },
])('a tokenizer with the quantizer %o trains with its noise, and is saved and loaded', async (quantizer) => {
  const config = { ...tinyConfig, quantizer };
  const tokenizer = createTokenizer(config, { seed: 1 });
  expect(tokenizer.noiseShape(3)).toBeDefined();
  await train(tokenizer);
  await saveTokenizer(folder, tokenizer, config);
  const loaded = await loadTokenizer(folder);
  expectSameTokenizer(loaded, tokenizer);
  tokenizer.dispose();
  loaded.dispose();
});

it('a tokenizer whose quantizer has no variables is not saved with the config of another one', async () => {
  const tokenizer = createTokenizer({ ...tinyConfig, quantizer: { kind: 'fsq', levels: [3, 5] } }, { seed: 1 });
  const other = { ...tinyConfig, quantizer: { kind: 'fsq', levels: [5, 3] } } as const;
  await expect(saveTokenizer(folder, tokenizer, other)).rejects.toThrow('a tokenizer of the config, got codes [');
  await expect(readFile(join(folder, 'config.json'))).rejects.toThrow('ENOENT');
  tokenizer.dispose();
});

/** Rounds every channel to the nearest multiple of 1 / `steps` within [-1, 1]. */
class RoundingQuantizer extends Module implements Quantizer {
  readonly codeDim = 2;
  readonly codeDepth = 1;
  readonly codebookSize: number;

  constructor(readonly steps: number) {
    super();
    this.codebookSize = (2 * steps + 1) ** 2;
  }

  quantize(z: tf.Tensor3D): QuantizeResult {
    return tf.tidy(() => {
      const whole = tf.round(tf.mul(tf.clipByValue(z, -1, 1), this.steps));
      const [first, second] = tf.unstack(tf.add(whole, this.steps), 2) as [tf.Tensor2D, tf.Tensor2D];
      const pass = tf.customGrad<tf.Tensor3D>(() => ({ value: tf.div(whole, this.steps), gradFunc: (dy) => dy }));
      return {
        quantized: pass(z),
        indices: tf.cast<tf.Tensor2D>(tf.add(first, tf.mul(second, 2 * this.steps + 1)), 'int32'),
        loss: tf.scalar(0),
      };
    });
  }

  decode(indices: tf.Tensor2D): tf.Tensor3D {
    return tf.tidy(() => {
      const numbers = tf.cast(indices, 'float32');
      const second = tf.floor(tf.div(numbers, 2 * this.steps + 1));
      const first = tf.sub(numbers, tf.mul(second, 2 * this.steps + 1));
      return tf.div<tf.Tensor3D>(tf.sub(tf.stack([first, second], 2), this.steps), this.steps);
    });
  }
}

const schema = z.strictObject({ steps: z.number().min(1) });
const rounding = {
  schema,
  create: ({ steps }) => new RoundingQuantizer(steps),
} satisfies QuantizerKind<typeof schema>;

describe('a quantizer of one’s own', () => {
  const quantizers = { ...quantizerKinds, rounding };
  const config = { ...tinyConfig, quantizer: { kind: 'rounding', steps: 2 } } as const;

  it('is reached from a config, trains in the ordinary trainer, is saved and loaded', async () => {
    const tokenizer = createTokenizer(config, { seed: 1, quantizers });
    expect(tokenizer.quantizer.steps).toBe(2);
    expect(tokenizer.vocabSize).toBe(25);
    await train(tokenizer);
    await saveTokenizer(folder, tokenizer, config, { quantizers });
    const loaded = await loadTokenizer(folder, { quantizers });
    expectSameTokenizer(loaded, tokenizer);
    await expect(loadTokenizer(folder)).rejects.toThrow(/quantizer\.kind is "rounding".*'vector' \| 'ema'/);
    tokenizer.dispose();
    loaded.dispose();
  });

  it('has its config checked with the rest', () => {
    const wrong = { ...config, imageSize: 9, quantizer: { kind: 'rounding', steps: 0 } } as const;
    expect(() => createTokenizer(wrong, { seed: 1, quantizers })).toThrow(/2 problems: .*quantizer\.steps is 0/);
  });
});
