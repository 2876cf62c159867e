import type * as tf from '@tensorflow/tfjs-core';
import {
  checkOptions,
  concatenate,
  DataError,
  type ImageBatch,
  type ImageClassifier,
  type OptionTable,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { measureClassifier } from '@vitvq/linear-probe';
import type { ClassifierEvaluation } from './events.js';
import { imagesOf, labelsOf } from './internal/labelled-images.js';

/** Options of {@link ClassifierEvaluator}. */
export interface ClassifierEvaluatorOptions {
  readonly classifier: Pick<ImageClassifier, 'logits' | 'classes'>;
}

const classifierEvaluatorOptionNames: OptionTable<ClassifierEvaluatorOptions> = { classifier: 'required' };
const where = 'ClassifierEvaluator';

/**
 * Measures a classifier on held-out images: top-1 with a 95 % interval (Wilson 1927), top-5,
 * cross-entropy and confusion. It compiles for one batch size.
 *
 * Ownership: `dispose()` it; the classifier stays the caller's.
 */
export class ClassifierEvaluator {
  readonly #classes: number;
  readonly #logits: CompiledFunction<(images: tf.Tensor4D) => tf.Tensor2D>;

  constructor(options: ClassifierEvaluatorOptions) {
    const { classifier } = checkOptions(options, classifierEvaluatorOptionNames, where);
    this.#classes = classifier.classes;
    this.#logits = compile((images: tf.Tensor4D) => classifier.logits(images), { name: 'classify' });
  }

  /**
   * Measures the classifier.
   * @param batches  finitely many; padded ones (`count`) keep the shape the same, which saves
   *   compiling
   * @throws {DataError} when there are none, for classes out of range and for values outside [0, 1]
   */
  async evaluate(batches: AsyncIterable<ImageBatch> | Iterable<ImageBatch>): Promise<ClassifierEvaluation> {
    const labels: Int32Array[] = [];
    const rows: Float32Array[] = [];
    for await (const batch of batches) {
      const own = labelsOf(batch, this.#classes, where);
      const images = imagesOf(batch, where);
      const logits = await this.#logits(images);
      rows.push((await logits.data<'float32'>()).slice(0, own.length * this.#classes));
      labels.push(own);
      images.dispose();
      logits.dispose();
    }
    const all = concatenate(labels, Int32Array);
    if (all.length === 0) throw new DataError({ where, expected: 'at least one image to evaluate', got: 'none' });
    const logits = concatenate(rows, Float32Array);
    return measureClassifier(all, this.#classes, (start, end) =>
      Float64Array.from(logits.subarray(start * this.#classes, end * this.#classes)),
    );
  }

  /** Frees the compiled function. */
  dispose(): void {
    this.#logits.dispose();
  }
}
