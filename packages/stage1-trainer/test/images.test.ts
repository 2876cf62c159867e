import '@tensorflow/tfjs';
import { DataError, ShapeError, VitvqError, type HostImages, type ImageBatch } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { tinyImages, tinyModel, tinyTokenizerTraining } from '@vitvq/test-models';
import { beforeAll, expect, it } from 'vitest';
import { createTokenizerTrainer, type TokenizerTrainerOptions } from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const bytes = ({ data, shape }: HostImages): HostImages => ({ data: data.map((value) => 255 * value), shape });
const channelsFirst = ({ data, shape: [count, height, width, channels] }: HostImages): HostImages => ({
  data,
  shape: [count, channels, height, width],
});

async function train(next: () => unknown, options: Partial<TokenizerTrainerOptions> = {}): Promise<void> {
  const tokenizer = tinyModel();
  const openBatches = () => ({ next: async () => next() as ImageBatch, close: () => undefined });
  try {
    const config = tinyTokenizerTraining({ duration: { steps: 2 } });
    const trainer = createTokenizerTrainer({ tokenizer, config, openBatches, ...options });
    await trainer.run().finally(() => trainer.dispose());
  } finally {
    tokenizer.dispose();
  }
}

it('does not train on bytes, nor on images with channels first', async () => {
  const batchOf = ({ data, shape }: HostImages) => ({ images: data, shape });
  const trained = train(() => batchOf(bytes(tinyImages(4))));
  await expect(trained).rejects.toThrow(DataError);
  await expect(trained).rejects.toThrow(
    /^createTokenizerTrainer: .* Bytes become images when they are divided by 255\.$/,
  );
  const turned = train(() => batchOf(channelsFirst(tinyImages(4))));
  await expect(turned).rejects.toThrow(ShapeError);
  await expect(turned).rejects.toThrow('transpose them to [B, H, W, C].');
});

it('looks at every batch', async () => {
  let steps = 0;
  const trained = train(() => {
    const { data, shape } = tinyImages(4);
    if (steps++ === 1) data[3 * 8 * 8 * 3 + 1] = 40;
    return { images: data, shape, indices: Int32Array.of(11, 12, 13, 14) };
  });
  await expect(trained).rejects.toThrow(DataError);
  await expect(trained).rejects.toThrow(/got values from .* to 40, first in image 14\. Bytes become images/);
});

it.each([[undefined], [{}], [{ tokens: new Int32Array(4), shape: [1, 4] }], [{ images: new Float32Array(4) }]])(
  'says what is wrong with the batch %j',
  async (batch) => {
    await expect(train(() => batch)).rejects.toThrow(VitvqError);
  },
);

it.each(['evaluation', 'preview'] as const)('checks the images of the %s at the start', async (name) => {
  const never = (): never => {
    throw new Error('a batch was asked for');
  };
  const schedule = name === 'evaluation' ? { everySteps: 1 } : { steps: [0], everySteps: 0 };
  const given = (images: HostImages) => train(never, { [name]: { images, ...schedule } });
  await expect(given(bytes(tinyImages(2)))).rejects.toThrow(
    `createTokenizerTrainer ${name}.images: expected images with`,
  );
  await expect(given({ data: new Float32Array(0), shape: [0, 8, 8, 3] })).rejects.toThrow(
    'expected at least one image',
  );
});
