import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { exportTransformer, type ExportedMaskedTransformer } from '@vitvq/export';
import { editImages, ImageGenerator } from '@vitvq/sampling';
import { isMasked } from '@vitvq/transformers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fillIn } from '../page/fill-in.js';
import type { PartialImage } from '../page/partial-tokens.js';
import type { MaskedSession } from '../page/session.js';
import { loadModels, type Models } from '../src/models.js';
import { makeSmokeModels } from '../src/smoke-models.js';

let folder: string;
let models: Models;
let session: MaskedSession;
let generator: ImageGenerator;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-browser-fill-in-'));
  await makeSmokeModels(folder, { transformer: 'masked' });
  models = await loadModels(folder);
  const { model, conditioner } = models.transformer!;
  generator = new ImageGenerator({ model, conditioner, tokenizer: models.tokenizer, batchSize: 1 });
  const { manifest } = await exportTransformer(model, conditioner, join(folder, 'onnx'), { verify: false });
  session = sessionOf(model, manifest.transformer as ExportedMaskedTransformer);
});
afterAll(async () => {
  generator.dispose();
  models.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** What the page's session gives, computed by the model itself. */
function sessionOf(
  model: NonNullable<Models['transformer']>['model'],
  about: ExportedMaskedTransformer,
): MaskedSession {
  const { condition } = about;
  if (!isMasked(model) || condition.input !== 'tokens') throw new Error('a masked model of classes was made');
  return {
    about,
    condition,
    logits: async (conditions, tokens) => {
      const rows = conditions.map((row) =>
        tf.tidy(() => {
          const given = tf.tensor2d([...row], [1, row.length], 'int32');
          const shape: [number, number] = [1, tokens.length];
          const known = tf.tensor2d(
            tokens.map((token) => Number(token !== -1)),
            shape,
            'int32',
          );
          const shown = tf.tensor2d(
            tokens.map((token) => Math.max(0, token)),
            shape,
            'int32',
          );
          return model.maskedLogits(given, shown, known);
        }),
      );
      const values = await Promise.all(rows.map((row) => row.data<'float32'>()));
      tf.dispose(rows);
      return values;
    },
  };
}

const original = Int32Array.from({ length: 16 }, (_, index) => (index * 5) % 32);
const mask = Uint8Array.from({ length: 16 }, (_, index) => Number(index % 4 > 0 && index > 3));

async function fill(options: Partial<Parameters<typeof fillIn>[1]>): Promise<PartialImage[]> {
  const tokens = original.map((token, index) => (mask[index] ? -1 : token));
  const usual = { tokens, steps: 4, condition: [1], guidance: 1, seed: 3, temperature: 1, topK: 32 };
  const images: PartialImage[] = [];
  for await (const image of fillIn(session, { ...usual, ...options })) images.push(image);
  return images;
}

describe('fillIn', () => {
  it.each([
    [{ seed: 3 }, { seeds: [3] }],
    [
      { seed: 4, steps: 1 },
      { seeds: [4], decoding: { steps: 1 } },
    ],
    [
      { seed: 5, steps: 50 },
      { seeds: [5], decoding: { steps: 50 } },
    ],
    [
      { seed: 6, temperature: 0.7, topK: 5 },
      { seeds: [6], temperature: 0.7, topK: 5 },
    ],
    [
      { seed: 7, guidance: 3 },
      { seeds: [7], guidanceScale: 3 },
    ],
  ] as const)('draws what editImages draws: %o', async (options, same) => {
    const { tokens } = await editImages(generator, {
      tokens: { data: original, shape: [1, 16] },
      mask: { data: mask, shape: [1, 16] },
      conditions: Int32Array.of(1),
      decoding: { steps: 4 },
      ...same,
    });
    const images = await fill(options);
    expect([...images.at(-1)!.tokens]).toEqual([...tokens.data]);
  });

  it('makes more known in every step, leaves what is given, and guesses the rest', async () => {
    const images = await fill({ steps: 50 });
    const unknown = mask.reduce((sum, value) => sum + value, 0);
    expect(images).toHaveLength(unknown);
    for (const [step, { tokens, guess }] of images.entries()) {
      expect(tokens.filter((token) => token === -1)).toHaveLength(unknown - step - 1);
      expect(guess.every((token) => token >= 0 && token < 32)).toBe(true);
      expect(tokens.filter((token, index) => token !== -1 && token !== guess[index])).toHaveLength(0);
      expect(guess.filter((_, index) => !mask[index])).toEqual(original.filter((_, index) => !mask[index]));
    }
  });

  it('has nothing to do where all is known', async () => {
    expect(await fill({ tokens: original })).toEqual([]);
  });
});
