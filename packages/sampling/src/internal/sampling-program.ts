import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { pick } from '@vitvq/layers';
import { prefixLengthOf, type AutoregressiveModel, type Conditions } from '@vitvq/transformers';
import { drawTokens, filteredProbabilities } from '../filters.js';
import { guided, withUnconditional } from './guided.js';
import type { SamplingVariables } from './sampling-variables.js';

/** What stays the same through all steps of a request. */
export interface RunTensors {
  /** `[N, B, L]` in [0, 1). */
  readonly noise: Tensor3D;
  /** int32 `[N, B, L]`, -1 for what is to be drawn. */
  readonly given: Tensor3D;
  /** `[N]`. */
  readonly temperature: Tensor1D;
  /** `[N]`, with guidance. */
  readonly guidance?: Tensor1D;
  /** What stands for no condition, with guidance. */
  readonly unconditional?: Conditions;
  readonly topP?: Scalar;
}

/** A position that was drawn. */
export interface Drawn {
  /** int32 `[B, L]`; V, which is no token, where logits were NaN. */
  readonly tokens: Tensor2D;
  /** `[B, L, V]`, guided but not filtered, where they were asked for. */
  readonly logits?: Tensor3D;
}

/** The tensor code of a sampler, for one kind of request; all of it can be compiled. */
export class SamplingProgram {
  readonly #model: AutoregressiveModel;
  readonly #topK: number | undefined;
  readonly #returnsLogits: boolean;

  constructor(
    model: AutoregressiveModel,
    { topK, returnsLogits }: { readonly topK: number | undefined; readonly returnsLogits: boolean },
  ) {
    this.#model = model;
    this.#topK = topK;
    this.#returnsLogits = returnsLogits;
  }

  /** Reads conditions and known tokens, draws the next position. */
  prefill(
    state: SamplingVariables,
    conditions: Conditions,
    given: Tensor3D | undefined,
    count: Scalar,
    run: RunTensors,
  ): Drawn {
    const { unconditional } = run;
    const both = withUnconditional(conditions, unconditional);
    const givenTwice = given && unconditional ? tf.concat([given, given], 0) : given;
    const { hidden, added, prefixMask } = this.#model.prefill(both, givenTwice, count);
    state.addFirst(added, prefixMask);
    return this.#draw(hidden, count, run, state);
  }

  /** Adds the position that was drawn last, draws the next one. */
  decodeStep(state: SamplingVariables, segments: number, run: RunTensors): Drawn {
    const count = tf.clone(state.count);
    const { hidden, added } = this.#model.decodeStep(state.tokens, count, state.cache(segments));
    state.add(added, tf.add<Scalar>(count, tf.scalar(prefixLengthOf(this.#model) - 1, 'int32')), segments);
    return this.#draw(hidden, count, run, state);
  }

  /** Draws position `count` and remembers it. */
  #draw(hidden: Tensor2D, count: Scalar, run: RunTensors, state: SamplingVariables): Drawn {
    const noise = pick(run.noise, count, 0); // [B, L]
    const given = pick(run.given, count, 0);
    const temperature = pick(run.temperature, count, 0) as Scalar;
    const shown: Tensor2D[] = [];
    const found: Tensor1D[] = [];
    const last = tf.scalar(this.#model.vocabSize - 1, 'int32');
    const tokens = this.#model.predict(hidden, (rows, level) => {
      const logits = guided(rows, run.guidance && (pick(run.guidance, count, 0) as Scalar));
      shown.push(logits);
      const probabilities = filteredProbabilities(logits, { temperature, topK: this.#topK, topP: run.topP });
      const drawn = drawTokens(probabilities, column(noise, level));
      const forced = column(given, level);
      const chosen = tf.where(tf.greaterEqual(forced, tf.scalar(0, 'int32')), forced, drawn);
      found.push(chosen);
      const known = tf.minimum<Tensor1D>(chosen, last); // can be looked up, whatever it is
      return run.guidance ? tf.concat([known, known], 0) : known;
    });
    state.tokens.assign(tokens);
    state.count.assign(tf.add(count, tf.scalar(1, 'int32')));
    return {
      tokens: tf.stack(found, 1) as Tensor2D,
      logits: this.#returnsLogits ? (tf.stack(shown, 1) as Tensor3D) : undefined,
    };
  }
}

/** One level of `[B, L]`, as `[B]`. */
function column(values: Tensor, level: number): Tensor1D {
  return tf.squeeze(tf.slice(values, [0, level], [-1, 1]), [1]);
}
