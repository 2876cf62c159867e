import { foldIn, randomKey, randomUniform, type HostImages } from '@vitvq/core';
import type { QuantizerConfig, VectorQuantizer } from '@vitvq/quantizers';
import { QUICKSTART_TRAINING, type ImageBatchSource, type TokenizerTrainingConfig } from '@vitvq/stage1-trainer';
import {
  createTokenizer,
  type ViT1DTokenizerConfig,
  type VQTokenizer,
  type ViTTokenizerConfig,
} from '@vitvq/tokenizer';

const size = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 };

type TinyConfig = ViTTokenizerConfig & { readonly quantizer: Extract<QuantizerConfig, { kind: 'vector' }> };

/** Config of a tokenizer that trains in milliseconds on the slowest engine. */
export const tinyConfig: TinyConfig = {
  architecture: 'vit',
  imageSize: 8,
  patchSize: 4,
  encoder: size,
  decoder: size,
  quantizer: { kind: 'vector', codebookSize: 16, codeDim: 4, trackUsage: true },
};

/** Returns a tokenizer of {@link tinyConfig} with changes, those of its quantizer one by one. */
export function tinyModel(
  {
    quantizer,
    ...changes
  }: Partial<Omit<TinyConfig, 'quantizer'>> & { readonly quantizer?: Partial<TinyConfig['quantizer']> } = {},
  seed = 1,
): VQTokenizer<VectorQuantizer> {
  return createTokenizer({ ...tinyConfig, ...changes, quantizer: { ...tinyConfig.quantizer, ...quantizer } }, { seed });
}

/** Config of a tokenizer of eight latent tokens, of which 2, 4 or 8 make an image. */
export const tiny1DConfig = {
  ...tinyConfig,
  architecture: 'vit-1d',
  latentTokens: 8,
  nestedLengths: [2, 4, 8],
} as const satisfies ViT1DTokenizerConfig;

/** Returns images of four flat quarters each; a function of the seed. */
export function tinyImages(count: number, seed = 0, [height, width] = [8, 8]): HostImages {
  const data = new Float32Array(count * height * width * 3);
  for (let index = 0; index < count; index++) {
    const colors = randomUniform(foldIn(randomKey(seed), index), 12);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const quarter = 2 * Number(row >= height / 2) + Number(column >= width / 2);
        data.set(colors.subarray(quarter * 3, quarter * 3 + 3), ((index * height + row) * width + column) * 3);
      }
    }
  }
  return { data, shape: [count, height, width, 3] };
}

/** Returns batches of `tinyImages`; batch number n is a function of n. */
export function tinyBatches(startAt: number, batchSize = 4): ImageBatchSource & { closed: boolean } {
  let position = startAt;
  return {
    closed: false,
    async next() {
      const { data, shape } = tinyImages(batchSize, position++);
      return { images: data, shape };
    },
    close() {
      this.closed = true;
    },
  };
}

/** Returns batches of which those with the given numbers hold a NaN; the first is 1. */
export function brokenBatches(...numbers: number[]): (startAt: number) => ImageBatchSource {
  return (startAt) => {
    const source = tinyBatches(startAt);
    let number = startAt;
    return {
      async next() {
        const batch = await source.next();
        if (numbers.includes(++number)) batch.images[5] = NaN;
        return batch;
      },
      close: () => source.close(),
    };
  };
}

/** Returns the config of a training of six steps. */
export function tinyTokenizerTraining(changes: Partial<TokenizerTrainingConfig> = {}): TokenizerTrainingConfig {
  return {
    ...QUICKSTART_TRAINING,
    duration: { steps: 6 },
    codebook: { autoencoderFraction: 0, initializeFromData: true, resetEvery: 2 },
    ...changes,
  };
}
