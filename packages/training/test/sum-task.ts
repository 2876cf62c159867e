import * as tf from '@tensorflow/tfjs-core';
import type { StepContext, StepResult, TaskEvaluation, TaskPreview, TrainingTask } from '../src/index.js';

/** Adds up the numbers that it is given. */
export class Sum implements TrainingTask<number, { sum: number }, { sum: number }> {
  readonly kind: string = 'sum';
  readonly config: Readonly<Record<string, unknown>>;
  readonly total = tf.variable(tf.scalar(0));
  readonly contexts: StepContext[] = [];
  readonly parts: TrainingTask<number>['parts'] = {
    sum: { namedVariables: () => new Map([['total', this.total]]) },
    count: {
      state: () => this.#count,
      restoreState: (count) => {
        this.#count = count as number;
      },
    },
  };
  #count = 0;

  constructor(config: Readonly<Record<string, unknown>> = { colour: 'red', size: { width: 1 } }) {
    this.config = config;
  }
  async step(batch: number, context: StepContext): Promise<StepResult> {
    this.contexts.push(context);
    this.#count++;
    tf.tidy(() => this.total.assign(tf.add(this.total, batch)));
    return { examples: 1, values: { loss: batch, count: this.#count }, gradientNorms: new Map([['total', batch]]) };
  }
  isFinite(batch: number): boolean {
    return Number.isFinite(batch);
  }
  async evaluate(): Promise<TaskEvaluation<{ sum: number }>> {
    const [sum] = await this.total.data();
    return {
      metrics: { sum: sum! },
      evaluation: { sum: sum! },
      warnings: [{ code: 'sum', message: `The sum is ${sum}.` }],
    };
  }
  async preview(): Promise<TaskPreview<{ sum: number }>> {
    const [sum] = await this.total.data();
    return {
      preview: { sum: sum! },
      pictures: [{ name: 'dot', width: 1, height: 1, data: new Uint8Array([1, 2, 3]) }],
    };
  }
  dispose(): void {
    this.total.dispose();
  }
}

/** Batches of the given numbers. */
export const numbers =
  (...values: number[]) =>
  (startAt: number) => {
    let at = startAt;
    return { next: async () => values[at++]!, close: () => undefined };
  };
