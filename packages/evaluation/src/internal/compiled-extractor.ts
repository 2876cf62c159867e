import * as tf from '@tensorflow/tfjs-core';
import { assertMembers, assertShape } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { ExtractedFeatures, FeatureExtractor } from '../feature-extractor.js';
import type { FeatureRows } from '../features/feature-rows.js';

/** Features of some images in host memory. */
export interface HostFeatures {
  readonly pooled: FeatureRows & { readonly data: Float32Array };
  readonly logits: (FeatureRows & { readonly data: Float32Array }) | undefined;
}

/** A feature extractor, compiled for the chosen engine. The extractor stays the caller's. */
export class CompiledExtractor {
  readonly extractor: FeatureExtractor;
  readonly #features: CompiledFunction<(images: tf.Tensor4D) => ExtractedFeatures>;

  /** @throws {ConfigError} for anything but an extractor */
  constructor(extractor: FeatureExtractor, where: string) {
    assertMembers(extractor, ['name', 'hash', 'inputSize', 'features'], 'the extractor', where);
    this.extractor = extractor;
    this.#features = compile((images: tf.Tensor4D) => extractor.features(images), {
      name: `features of ${extractor.name}`,
      variables: 'frozen',
    });
  }

  /**
   * Returns the features of the first `count` images of a batch, which stays the caller's.
   * @throws {ShapeError} for features that are not one vector an image
   */
  async read(images: tf.Tensor4D, count: number): Promise<HostFeatures> {
    const features = await this.#features(images);
    const rowsOf = async (tensor: tf.Tensor2D, name: string): Promise<HostFeatures['pooled']> => {
      assertShape(tensor, [images.shape[0], 'D'], `${this.extractor.name}, ${name}`);
      const [, dim] = tensor.shape;
      return { dim, data: (await tensor.data<'float32'>()).slice(0, count * dim) };
    };
    try {
      const { pooled, logits } = features;
      return { pooled: await rowsOf(pooled, 'pooled'), logits: logits && (await rowsOf(logits, 'logits')) };
    } finally {
      tf.dispose(features);
    }
  }

  /** Frees the compiled function. */
  dispose(): void {
    this.#features.dispose();
  }
}
