import * as tf from '@tensorflow/tfjs-core';
import { ShapeError, type ImageClassifier } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { expectGradientsMatchFiniteDifferences } from './expect-gradients.js';
import { expectNoTensorLeak } from './expect-no-tensor-leak.js';
import {
  expectDisposal,
  expectGradientOfEachVariable,
  expectStableNames,
  moveVariables,
  normalTensor,
  withModule,
} from './module-contract.js';
import './to-be-all-close.js';

/** Classifier under test. */
export interface ImageClassifierContract {
  readonly name: string;
  /** Creates a new classifier; the same one every time. */
  readonly create: () => ImageClassifier;
  /** `[B, H, W, C]` of images that the classifier takes; B is at least 2. */
  readonly imageShape: readonly [number, number, number, number];
  /** Names of the variables, in order: checkpoints depend on them. */
  readonly variableNames: readonly string[];
}

/** Registers the tests that every `ImageClassifier` must pass. */
export function testImageClassifier({ name, create, imageShape, variableNames }: ImageClassifierContract): void {
  const [batch, height, width, channels] = imageShape;
  const images = (): tf.Tensor4D => tf.sigmoid(normalTensor<tf.Tensor4D>(imageShape, 1));

  describe(`${name} keeps the contract of a classifier`, () => {
    it('names its variables, the same way every time', () => {
      expectStableNames(create, variableNames);
    });

    it('gives a finite logit of each class, the same ones every time', () => {
      withModule(create, (first) =>
        withModule(create, (second) => {
          moveVariables(first);
          moveVariables(second);
          const logits = first.logits(images());
          expect(logits.shape).toEqual([batch, first.classes]);
          expect(logits.dtype).toBe('float32');
          expect([...logits.dataSync()].every(Number.isFinite)).toBe(true);
          expect([...second.logits(images()).dataSync()]).toEqual([...logits.dataSync()]);
          if (first.imageSize) expect(first.imageSize).toEqual([height, width]);
        }),
      );
    });

    it('classifies each image by itself', () => {
      withModule(create, (classifier) => {
        moveVariables(classifier);
        const logits = classifier.logits(images());
        tf.split<tf.Tensor4D>(images(), batch).forEach((image, index) => {
          expect(classifier.logits(image)).toBeAllClose(tf.slice(logits, index, 1), { rtol: 1e-4, atol: 1e-5 });
        });
      });
    });

    it('has features by name, the last of which is what logits returns', () => {
      withModule(create, (classifier) => {
        if (!classifier.features) {
          expect(classifier.featureNames).toBeUndefined();
          return;
        }
        moveVariables(classifier);
        const features = classifier.features(images());
        expect(Object.keys(features)).toEqual(classifier.featureNames);
        for (const feature of Object.values(features)) expect(feature.shape[0]).toBe(batch);
        expect(Object.values(features).at(-1)).toBeAllClose(classifier.logits(images()), { rtol: 0, atol: 0 });
      });
    });

    it('has a gradient of each trainable variable', () => {
      withModule(create, (classifier) => {
        moveVariables(classifier);
        const weights = normalTensor([batch, classifier.classes], 2);
        expectGradientOfEachVariable(classifier, () => tf.sum(tf.mul(classifier.logits(images()), weights)));
      });
    });

    it('has the gradients of finite differences', () => {
      withModule(create, (classifier) => {
        moveVariables(classifier);
        const trainable = new Set(classifier.trainableVariables());
        expectGradientsMatchFiniteDifferences((x) => classifier.logits(x as tf.Tensor4D), [images()], {
          variables: new Map([...classifier.namedVariables()].filter(([, variable]) => trainable.has(variable))),
          elements: 6,
          rtol: 5e-3,
          atol: 1e-3,
        });
      });
    });

    it.each([
      ['other channels', [batch, height, width, channels + 1]],
      ['a missing axis', [height, width, channels]],
      ['another size', [batch, height + 1, width, channels]],
    ])('refuses images with %s', (_problem, shape) => {
      withModule(create, (classifier) => {
        expect(() => classifier.logits(tf.zeros<tf.Rank>(shape) as tf.Tensor4D)).toThrow(ShapeError);
      });
    });

    it('leaves its input alone, and no tensors behind', () => {
      const classifier = create();
      const x = images();
      expectNoTensorLeak(() => {
        tf.dispose([classifier.logits(x), classifier.features?.(x) ?? {}]);
      });
      expect(x.isDisposed).toBe(false);
      tf.dispose(x);
      classifier.dispose();
    });

    it('frees its variables, once', () => {
      expectDisposal(create);
    });
  });
}
