import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertOneOf, formatShape } from '@vitvq/core';
import type { TensorType } from './backend/backend.js';
import { CompiledProgram } from './compiled-program.js';
import { currentEngine, startedEngine, type CompiledEngine } from './engines.js';
import { CompileError } from './errors.js';
import type { HostType } from './ir/graph.js';
import { printGraph } from './ir/print.js';
import { narrowProducts, type NarrowMethod, type Precision } from './passes/narrow-products.js';
import { narrowMethodOf, precisions } from './precision.js';
import { withoutPromises } from './refuse-promises.js';
import { flatten, type StructureTemplate } from './structure.js';
import { isTracing, releaseCaptures, trace } from './trace/trace.js';

/** The only type to which every function is assignable. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- see above
export type AnyFunction = (...values: any[]) => unknown;

/** Options of {@link compile}. */
export interface CompileOptions {
  /** Name of the function in messages. @default the function's own name */
  readonly name?: string;
  /**
   * `frozen` makes the values of variables part of the compiled program, which then runs faster;
   * the program is compiled again when one of them has changed. Variables that the function assigns
   * stay live. For inference. @default 'live'
   */
  readonly variables?: 'live' | 'frozen';
  /**
   * Variables that stay live where the others are frozen, because other functions assign them.
   * @default none
   */
  readonly live?: Iterable<tf.Variable>;
  /**
   * Type in which matrix products and convolutions are computed, those of gradients included.
   * Weights, arguments, results and everything else stay float32, and so do the products in
   * `inFullPrecision` of @vitvq/core. @default 'float32'
   */
  readonly precision?: Precision;
  /** Number of argument shapes after which another one is taken for a mistake. @default 8 */
  readonly maximumShapes?: number;
}

/** A function that runs on the chosen engine. */
export interface CompiledFunction<F extends AnyFunction> {
  /** Runs the function. Results live on the engine until they are read; dispose of them. */
  (...values: Parameters<F>): Promise<ReturnType<F>>;
  /**
   * Runs the function several times in a row with the same arguments; each run sees what the
   * earlier runs have assigned to variables. Where the engine has a thread of its own, this costs
   * one message instead of one per run.
   * @returns the results of each run
   * @throws {ConfigError} unless `times` is a positive integer
   */
  repeat(times: number, ...values: Parameters<F>): Promise<ReturnType<F>[]>;
  /** Traces the function for arguments like these and returns its graph as text; runs nothing. */
  text(...values: Parameters<F>): string;
  /** Frees what was compiled. The function can be called again. */
  dispose(): void;
}

/**
 * Returns a function that runs compiled where the engine compiles (`onnx`) and eagerly everywhere
 * else, with the same code and the same numbers. Arguments and results are tensors, or arrays and
 * plain objects of tensors. Variables that the function reads are captured, and variables that it
 * assigns are updated. The function is traced once for each set of argument shapes, so it must not
 * look at values or draw random numbers.
 *
 * @example
 * const step = compile((x: tf.Tensor2D) => tf.mean(tf.square(x)));
 * const loss = await step(tf.ones([2, 3]));
 * console.log(await loss.data());
 */
export function compile<F extends AnyFunction>(fn: F, options: CompileOptions = {}): CompiledFunction<F> {
  const { name = fn.name || 'function', precision = 'float32' } = options;
  assertOneOf(precision, precisions, 'precision', name);
  const programs = new Programs(fn, name, options);

  const call = async (times: number, values: Parameters<F>): Promise<unknown[]> => {
    // There is no pause where the engine is known, since arguments may be disposed of right after
    // the call.
    const engine = currentEngine() ?? (await startedEngine());
    const { tensors, template } = flatten(values, `${name}, arguments`);
    const method = narrowMethodOf(engine.name, precision, name);
    if (engine.kind === 'eager') return Array.from({ length: times }, () => runEagerly(fn, values, name));
    return programs.find(engine, tensors.map(typeOf), template, method).run(tensors, times);
  };
  const callOutsideTraces = (times: number, values: Parameters<F>): Promise<unknown[]> => {
    // Thrown at once: the traced function would have to await a rejection.
    if (isTracing()) {
      throw new CompileError({
        where: name,
        expected: 'to be called outside compiled functions',
        got: 'a call while another function is traced',
        fix: 'Call the plain function there; it becomes part of the compiled one.',
      });
    }
    return call(times, values);
  };
  const once = (...values: Parameters<F>): Promise<unknown> => callOutsideTraces(1, values).then(([result]) => result);
  return Object.assign(once as (...values: Parameters<F>) => Promise<ReturnType<F>>, {
    repeat: (times: number, ...values: Parameters<F>) => {
      assertInteger(times, 'times', `${name}.repeat`);
      return callOutsideTraces(times, values) as Promise<ReturnType<F>[]>;
    },
    text: (...values: Parameters<F>) => {
      const { tensors, template } = flatten(values, `${name}, arguments`);
      const traced = trace(fn as AnyFunction, tensors.map(typeOf), template, name);
      releaseCaptures(traced);
      return printGraph(narrowProducts(traced.graph, precision));
    },
    dispose: () => programs.dispose(),
  });
}

const typeOf = ({ shape, dtype }: tf.Tensor): TensorType => ({ shape, dtype: dtype as HostType });

function runEagerly(fn: AnyFunction, values: unknown[], name: string): unknown {
  // `tidy` keeps what is returned, whatever its structure.
  return tf.tidy(() => withoutPromises(name, () => fn(...values)) as tf.TensorContainer);
}

/** The compiled programs of a function, one for each set of argument shapes, on one engine. */
class Programs {
  readonly #fn: AnyFunction;
  readonly #name: string;
  readonly #maximum: number;
  readonly #precision: Precision;
  /** Variables that stay live where the others are frozen; undefined where all are live. */
  readonly #live: ReadonlySet<tf.Tensor> | undefined;
  readonly #programs = new Map<string, CompiledProgram>();
  #owner: CompiledEngine | undefined;

  constructor(fn: AnyFunction, name: string, options: CompileOptions) {
    const { variables = 'live', live, maximumShapes = 8, precision = 'float32' } = options;
    this.#fn = fn;
    this.#name = name;
    this.#maximum = maximumShapes;
    this.#precision = precision;
    this.#live = variables === 'live' ? undefined : new Set<tf.Tensor>(live);
  }

  /**
   * Returns the program for arguments of these types, which is compiled where it is missing or
   * stale.
   */
  find(
    engine: CompiledEngine,
    types: readonly TensorType[],
    template: StructureTemplate,
    method: NarrowMethod,
  ): CompiledProgram {
    if (this.#owner !== engine) {
      // Programs of an engine that has ended are gone with it.
      for (const program of this.#programs.values()) program.abandon();
      this.#programs.clear();
      this.#owner = engine;
    }
    const key = JSON.stringify([template, types]);
    const known = this.#programs.get(key);
    if (known && !known.isStale()) return known;
    if (known) {
      known.unload();
      this.#programs.delete(key);
    }
    if (this.#programs.size >= this.#maximum) throw this.#tooManyShapes(types);
    const request = {
      fn: this.#fn,
      name: this.#name,
      types,
      template,
      live: this.#live,
      precision: this.#precision,
      method,
    };
    const program = new CompiledProgram(engine, request, () => this.#programs.delete(key));
    this.#programs.set(key, program);
    return program;
  }

  /** Frees all programs. */
  dispose(): void {
    for (const program of this.#programs.values()) program.unload();
    this.#programs.clear();
  }

  #tooManyShapes(types: readonly TensorType[]): CompileError {
    return new CompileError({
      where: this.#name,
      expected: `at most ${this.#programs.size} different argument shapes`,
      got: `another one: ${types.map(({ shape, dtype }) => `${dtype} ${formatShape(shape)}`).join(', ')}`,
      fix: 'Each shape is compiled anew: pad or crop to a few sizes, or raise maximumShapes.',
    });
  }
}
