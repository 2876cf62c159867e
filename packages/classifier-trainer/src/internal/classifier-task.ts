import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, countOf, DataError, type ImageBatch, type ImageClassifier } from '@vitvq/core';
import {
  Learner,
  microBatchSize,
  type GradientFunction,
  type ModelEMA,
  type StepContext,
  type StepResult,
  type TaskEvaluation,
  type TrainingPart,
  type TrainingTask,
} from '@vitvq/training';
import type { ResolvedClassifierTrainingConfig } from '../config.js';
import { ClassifierEvaluator } from '../evaluator.js';
import type { ClassifierEvaluation } from '../events.js';
import { createClassifierGradients, trainedVariables } from '../gradients.js';
import { imagesOf, labelsOf } from './labelled-images.js';

/** Kind of the checkpoints of a classifier's training. */
export const classifierKind = 'classifier';

/** Options of {@link ClassifierTask}. */
export interface ClassifierTaskOptions {
  readonly classifier: ImageClassifier;
  readonly config: ResolvedClassifierTrainingConfig;
  readonly evaluation?: { readonly openBatches: () => AsyncIterable<ImageBatch> | Iterable<ImageBatch> };
  readonly modelConfig?: unknown;
}

const where = 'createClassifierTrainer';

/** Images and their classes. */
type Inputs = readonly [tf.Tensor4D, tf.Tensor1D];

/** Training of a classifier as the loop of @vitvq/training sees it. */
export class ClassifierTask implements TrainingTask<ImageBatch, ClassifierEvaluation, never> {
  readonly kind = classifierKind;
  readonly config: Readonly<Record<string, unknown>>;
  readonly parts: Readonly<Record<string, TrainingPart>>;
  readonly #options: ClassifierTaskOptions;
  readonly #learner: Learner;
  #evaluator: ClassifierEvaluator | undefined;

  constructor(options: ClassifierTaskOptions) {
    const { classifier, config } = options;
    this.#options = options;
    this.#learner = new Learner({ ...config, name: 'train', variables: trainedVariables(classifier) });
    this.config = { training: config, model: options.modelConfig ?? null };
    this.parts = {
      model: classifier,
      optimizer: this.#learner.optimizer,
      ...(this.#learner.ema && { ema: this.#learner.ema }),
      ...(this.#learner.scaler && { lossScale: this.#learner.scaler }),
    };
  }

  get ema(): ModelEMA | undefined {
    return this.#learner.ema;
  }

  async step(batch: ImageBatch, { progress }: StepContext): Promise<StepResult> {
    const parts = this.#parts(batch);
    try {
      const { values, gradientNorm, gradientNorms, hasOverflowed } = await this.#learner.update(
        'step',
        () => this.#gradients(),
        parts,
        progress,
      );
      const learningRate = this.#learner.learningRate(progress);
      return {
        examples: batch.shape[0]!,
        values: { ...values, ...(!hasOverflowed && { gradientNorm }), learningRate },
        gradientNorms,
      };
    } finally {
      tf.dispose(parts.flat());
    }
  }

  isFinite({ images }: ImageBatch): boolean {
    return images.every(Number.isFinite);
  }

  async assertHeldOut(): Promise<void> {
    // Leaving the loop closes the batches.
    for await (const batch of this.#options.evaluation?.openBatches() ?? []) if (countOf(batch) > 0) return;
    throw new DataError({
      where: `${where}, evaluation.openBatches`,
      expected: 'at least one held-out image',
      got: 'none',
      fix: 'Hold images out, or leave evaluation away.',
    });
  }

  async evaluate(): Promise<TaskEvaluation<ClassifierEvaluation>> {
    const { evaluation: options, classifier } = this.#options;
    if (!options) throw new ConfigError({ where, expected: 'data to evaluate on', got: 'none' });
    this.#evaluator ??= new ClassifierEvaluator({ classifier });
    const evaluation = await this.#evaluator.evaluate(options.openBatches());
    const { count, top1, top5, interval, crossEntropy } = evaluation;
    const { low: top1Low, high: top1High } = interval;
    return { metrics: { count, top1, top1Low, top1High, top5, crossEntropy }, evaluation };
  }

  dispose(): void {
    this.#learner.dispose();
    this.#evaluator?.dispose();
  }

  /** Returns equal parts of a batch; the caller disposes of them. */
  #parts(batch: ImageBatch): Inputs[] {
    const { classifier, config } = this.#options;
    const labels = labelsOf(batch, classifier.classes, where);
    const [total] = batch.shape as [number];
    if (labels.length !== total) {
      throw new DataError({ where, expected: `${total} images in a batch`, got: `${labels.length} and padding` });
    }
    const size = microBatchSize(total, config.accumulate, where);
    const images = imagesOf(batch, where);
    const parts = Array.from({ length: config.accumulate }, (_, part): Inputs => [
      tf.slice(images, [part * size, 0, 0, 0], [size, -1, -1, -1]),
      tf.tensor1d(labels.subarray(part * size, (part + 1) * size), 'int32'),
    ]);
    images.dispose();
    return parts;
  }

  #gradients(): GradientFunction<Inputs> {
    const { classifier, config } = this.#options;
    return createClassifierGradients({ classifier, labelSmoothing: config.labelSmoothing });
  }
}
