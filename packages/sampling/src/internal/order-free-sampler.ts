import * as tf from '@tensorflow/tfjs-core';
import { assertOneOf, checkOptions } from '@vitvq/core';
import { precisions } from '@vitvq/engine';
import type { AnyTokenModel, ImageTokens } from '@vitvq/transformers';
import {
  orderFreeSamplerOptionNames,
  type OrderFreeSamplerOptions,
  type PartialTokens,
  type SampleOptions,
  type TokenSampler,
} from '../sample-options.js';
import { OneAtATime } from './one-at-a-time.js';

/** A program that is compiled for requests of one kind. */
interface Program {
  dispose(): void;
}

/** What a caller wants of the steps of a request. */
export interface WantedSteps {
  /** Each step as soon as it is known; otherwise several may be run in one go. */
  readonly stepByStep?: boolean;
  /** The logits of each step. */
  readonly logits?: boolean;
}

/**
 * What the samplers of masked and any-order models share: one request at a time, and one program,
 * that of the last kind of request.
 */
export abstract class OrderFreeSampler<
  M extends AnyTokenModel,
  P extends Program,
  Step extends { readonly partial: PartialTokens },
> implements TokenSampler {
  readonly model: M;
  protected readonly compilation: Required<OrderFreeSamplerOptions>;
  readonly #requests: OneAtATime;
  #compiled: { readonly key: string; readonly program: P } | undefined;

  /** @throws {ConfigError} */
  constructor(model: M, options: OrderFreeSamplerOptions, where: string) {
    const { weights = 'frozen', precision = 'float32' } = checkOptions(options, orderFreeSamplerOptionNames, where);
    assertOneOf(precision, precisions, 'precision', where);
    this.model = model;
    this.compilation = { weights, precision };
    this.#requests = new OneAtATime(where);
  }

  async sample(options: SampleOptions): Promise<ImageTokens> {
    let last: PartialTokens | undefined;
    for await (const { partial } of this.run(options)) last = partial;
    return tokensOf(last!);
  }

  async *stream(options: SampleOptions): AsyncGenerator<PartialTokens, void, undefined> {
    for await (const { partial } of this.run(options, { stepByStep: true })) yield partial;
  }

  dispose(): void {
    this.#compiled?.program.dispose();
    this.#compiled = undefined;
  }

  /** Runs a request, once no other one runs. */
  protected async *run(options: SampleOptions, wanted: WantedSteps = {}): AsyncGenerator<Step, void, undefined> {
    this.#requests.begin();
    try {
      yield* this.steps(options, wanted);
    } finally {
      this.#requests.end();
    }
  }

  /** Draws step by step. */
  protected abstract steps(options: SampleOptions, wanted: WantedSteps): AsyncGenerator<Step, void, undefined>;

  /** Returns the program of a kind of request: that of the last one, or a new one in its place. */
  protected programOf(settings: unknown, create: () => P): P {
    const key = JSON.stringify(settings);
    if (this.#compiled?.key !== key) {
      this.dispose();
      this.#compiled = { key, program: create() };
    }
    return this.#compiled.program;
  }
}

/** Returns the tokens of whole images as a tensor. */
export function tokensOf({ tokens, shape }: PartialTokens): tf.Tensor2D {
  return tf.tensor2d(tokens, shape as [number, number], 'int32');
}
