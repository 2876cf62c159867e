import * as tf from '@tensorflow/tfjs-core';
import { assertImages, type HostImages } from '@vitvq/core';
import { compile } from '@vitvq/engine';
import type { TextImageExtractor } from '../evaluate-captions.js';
import type { FeatureExtractor } from '../feature-extractor.js';
import { CompiledExtractor } from '../internal/compiled-extractor.js';
import type { ImageTextVectors } from './image-text-vectors.js';
import { markedTokens, type TextEncoder } from './marked-tokens.js';

const where = 'extractorVectors';

/** A text tower with the number of tokens that it takes, such as CLIP's. */
type TextTower = TextImageExtractor & { readonly contextLength: number };

/**
 * Returns the vectors of a feature extractor, which stays the caller's: its pooled features, and
 * its vectors of texts where it has a text tower.
 * @param text  tokenizer of the text tower; without, there are no vectors of texts
 * @throws {ConfigError} for anything but an extractor with weights
 */
export async function extractorVectors(extractor: FeatureExtractor, text?: TextEncoder): Promise<ImageTextVectors> {
  const compiled = new CompiledExtractor(extractor, where);
  const ofImages = async ({ data, shape }: HostImages): Promise<{ dim: number; data: Float32Array }> => {
    const images = tf.tensor4d(data, [...shape]);
    try {
      const { pooled } = await compiled.read(images, shape[0]);
      return pooled;
    } finally {
      images.dispose();
    }
  };
  const [height, width] = extractor.inputSize;
  const black: HostImages = { data: new Float32Array(height * width * 3), shape: [1, height, width, 3] };
  const { dim } = await ofImages(black);
  const textVectors = text && 'textFeatures' in extractor ? compiledTexts(extractor as TextTower, text) : undefined;
  return {
    name: extractor.name,
    hash: extractor.hash,
    width: dim,
    ofImages: async (images) => {
      assertImages(images, where);
      return (await ofImages(images)).data;
    },
    ofTexts: textVectors?.ofTexts,
    dispose: () => {
      compiled.dispose();
      textVectors?.dispose();
      return Promise.resolve();
    },
  };
}

function compiledTexts(tower: TextTower, text: TextEncoder) {
  const { contextLength } = tower;
  const vectors = compile((tokens: tf.Tensor2D) => tower.textFeatures(tokens), {
    name: `texts of ${tower.name}`,
    variables: 'frozen',
  });
  return {
    ofTexts: async (texts: readonly string[]): Promise<Float32Array> => {
      const tokens = tf.tensor2d(markedTokens(text, texts, contextLength), [texts.length, contextLength], 'int32');
      try {
        const result = await vectors(tokens);
        const values = await result.data<'float32'>();
        result.dispose();
        return Float32Array.from(values);
      } finally {
        tokens.dispose();
      }
    },
    dispose: () => vectors.dispose(),
  };
}
