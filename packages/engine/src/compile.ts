import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, formatShape } from '@vitvq/core';
import { currentEngine, startedEngine, type CompileEvent, type OnnxEngine } from './engines.js';
import { CompileError, EngineError } from './errors.js';
import type { DType } from './ir/graph.js';
import { printGraph } from './ir/print.js';
import { buildProgram, type OnnxProgram } from './onnx/program.js';
import type { RunReply } from './onnx/protocol.js';
import { flatten, unflatten, type StructureTemplate } from './structure.js';
import { isTracing, trace, type TensorType, type TracedFunction } from './trace/trace.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the only type that every function is assignable to
type AnyFunction = (...values: any[]) => unknown;

export interface CompileOptions {
  /** What messages call the function. @default the function's own name */
  readonly name?: string;
  /**
   * `frozen`: values of variables become part of the compiled program, which then runs faster; it is compiled again when
   * one of them has changed. What the function assigns stays live. For inference. @default 'live'
   */
  readonly variables?: 'live' | 'frozen';
  /** Variables that stay live where the others are frozen, because other functions assign them. @default none */
  readonly live?: Iterable<tf.Variable>;
  /** How many different argument shapes may be compiled before it is taken for a mistake. @default 8 */
  readonly maximumShapes?: number;
}

/** A function that runs on the chosen engine. */
export interface CompiledFunction<F extends AnyFunction> {
  /** Results live on the engine until they are read; dispose of them. */
  (...values: Parameters<F>): Promise<ReturnType<F>>;
  /**
   * As many calls in a row with the same arguments, each of which sees what those before it have assigned to variables. Where the
   * engine has a thread of its own, that costs one message instead of one a call.
   * @returns the results of each
   * @throws {ConfigError} unless `times` is a positive integer
   */
  repeat(times: number, ...values: Parameters<F>): Promise<ReturnType<F>[]>;
  /** The intermediate representation for arguments like these, as text. Traces, runs nothing. */
  text(...values: Parameters<F>): string;
  /** Frees what was compiled. The function can be called again. */
  dispose(): void;
}

/** Says whether a tensor still has the values that it had. */
interface DataStamp {
  readonly tensor: tf.Tensor;
  readonly dataId: object;
  readonly version: number;
}

/** A traced and loaded function for one set of shapes. */
interface LoadedProgram {
  readonly id: number;
  readonly traced: TracedFunction;
  readonly program: Omit<OnnxProgram, 'model' | 'initializers'>;
  /** Which data frozen variables had at the time of compiling. */
  readonly stamps: readonly DataStamp[];
}

/**
 * A function of tensors that runs compiled where the engine compiles (`onnx`), and eagerly everywhere else: the same
 * code and the same numbers. Arguments and results are tensors, or arrays and plain objects of them; variables that the
 * function reads are captured, and variables that it assigns are updated. It is traced once for each set of argument
 * shapes, so it must not look at values or draw random numbers.
 *
 * @example
 * const step = compile((x: tf.Tensor2D) => tf.mean(tf.square(x)));
 * const loss = await step(tf.ones([2, 3]));
 * console.log(await loss.data());
 */
export function compile<F extends AnyFunction>(fn: F, options: CompileOptions = {}): CompiledFunction<F> {
  const { name = fn.name || 'function', variables = 'live', maximumShapes = 8 } = options;
  const live = new Set<tf.Tensor>(options.live);
  const programs = new Map<string, LoadedProgram>();
  let owner: OnnxEngine | undefined;

  const call = async (times: number, values: Parameters<F>): Promise<unknown[]> => {
    // No pause where the engine is known: arguments may be disposed of right after the call.
    const engine = currentEngine() ?? (await startedEngine());
    const { tensors, template } = flatten(values, `${name}, arguments`);
    if (engine.kind === 'eager') return Array.from({ length: times }, () => runEagerly(fn, values));
    if (owner !== engine) {
      for (const { traced } of programs.values()) releaseCaptures(traced);
      programs.clear();
    }
    owner = engine;
    const types = tensors.map(typeOf);
    const key = JSON.stringify([template, types]);
    let loaded = programs.get(key);
    if (loaded && isStale(engine, loaded)) {
      unload(engine, loaded);
      programs.delete(key);
      loaded = undefined;
    }
    if (!loaded) {
      if (programs.size >= maximumShapes) throw tooManyShapes(name, programs.size, types);
      loaded = load(engine, fn, { name, types, template, live: variables === 'live' ? undefined : live }, () =>
        programs.delete(key),
      );
      programs.set(key, loaded);
    }
    return run(engine, loaded, tensors, times);
  };
  const callOutsideTraces = (times: number, values: Parameters<F>): Promise<unknown[]> => {
    // At once, not as a rejection that the traced function would have to await.
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
      return printGraph(traced.graph);
    },
    dispose: () => {
      if (owner) for (const loaded of programs.values()) unload(owner, loaded);
      programs.clear();
    },
  });
}

const typeOf = ({ shape, dtype }: tf.Tensor): TensorType => ({ shape, dtype: dtype as DType });

function runEagerly(fn: AnyFunction, values: unknown[]): unknown {
  // `tidy` keeps what is returned, whatever its structure.
  return tf.tidy(() => fn(...values) as tf.TensorContainer);
}

function tooManyShapes(name: string, count: number, types: readonly TensorType[]): CompileError {
  return new CompileError({
    where: name,
    expected: `at most ${count} different argument shapes`,
    got: `another one: ${types.map(({ shape, dtype }) => `${dtype} ${formatShape(shape)}`).join(', ')}`,
    fix: 'Each shape is compiled anew: pad or crop to a few sizes, or raise maximumShapes.',
  });
}

let nextProgram = 0;

function load(
  engine: OnnxEngine,
  fn: AnyFunction,
  request: {
    readonly name: string;
    readonly types: readonly TensorType[];
    readonly template: StructureTemplate;
    /** What stays live where the rest is frozen; undefined: everything. */
    readonly live: ReadonlySet<tf.Tensor> | undefined;
  },
  onFailure: () => void,
): LoadedProgram {
  const { name, types, template, live } = request;
  const start = performance.now();
  const report = (event: CompileEvent): void => engine.onCompile?.(event);
  report({ name, phase: 'start' });
  const traced = trace(fn, types, template, name);
  const assigned = new Set<tf.Tensor>(traced.assigned);
  const isFrozen = (tensor: tf.Tensor): boolean => live !== undefined && !live.has(tensor) && !assigned.has(tensor);
  /** By the index of their graph input. */
  const frozen = new Map(
    traced.captures.flatMap(({ tensor }, index): [number, tf.Tensor][] =>
      isFrozen(tensor) ? [[traced.argumentCount + index, tensor]] : [],
    ),
  );
  const { model, initializers, ...program } = buildProgram(name, traced, new Set(frozen.keys()));
  // The worker takes their values from its own memory.
  const slots = initializers.map((index) => ({ index, slot: engine.device.slotOf(frozen.get(index)!) }));
  const stamps = [...frozen.values()].map((tensor) => stampOf(engine, tensor));
  const id = nextProgram++;
  const { definition } = program;
  engine.device.request({ kind: 'load', program: id, definition, model, initializers: slots }).then(
    () => report({ name, phase: 'done', milliseconds: performance.now() - start }),
    onFailure, // the run that follows reports it
  );
  return { id, traced, program, stamps };
}

function stampOf(engine: OnnxEngine, tensor: tf.Tensor): DataStamp {
  return { tensor, dataId: tensor.dataId, version: engine.device.versionOf(tensor.dataId) };
}

/** Whether a frozen program was made from values that have changed since. */
function isStale(engine: OnnxEngine, { stamps }: LoadedProgram): boolean {
  return stamps.some(({ tensor, dataId, version }) => {
    const now = stampOf(engine, tensor);
    return now.dataId !== dataId || now.version !== version;
  });
}

async function run(
  engine: OnnxEngine,
  { id, traced, program }: LoadedProgram,
  values: readonly tf.Tensor[],
  times: number,
): Promise<unknown[]> {
  const { device } = engine;
  const { name, outputs, resultCount } = program.definition;
  for (const tensor of [...values, ...traced.captures.map((capture) => capture.tensor)]) {
    if (tensor.isDisposed) {
      throw new EngineError({
        where: name,
        expected: 'tensors and variables that are alive',
        got: `a disposed one, ${tensor.dtype} ${formatShape(tensor.shape)}`,
        fix: 'Dispose of models after their last use.',
      });
    }
  }
  // First, since it may give a variable data of its own.
  for (const variable of program.written) device.writableSlotOf(variable);
  const inputs = [...values, ...traced.captures.map(({ tensor }) => tensor)].map((tensor, index) =>
    program.needed.has(index) ? device.slotOf(tensor) : -1,
  );
  const states = program.states.map((variable) => device.slotOf(variable));
  const results = Array.from({ length: times }, () => Array.from({ length: resultCount }, () => device.newSlot()));
  const reply = device.request({ kind: 'run', program: id, inputs, results, states });
  for (const variable of program.written) device.written(variable);
  const { values: host } = (await reply) as RunReply;
  return results.map((slots, each) => {
    const tensors = slots.map((slot, index) => device.tensorOf(slot, outputs[index]!, host[each]![index]));
    return unflatten(traced.resultTemplate, tensors);
  });
}

function releaseCaptures({ captures }: TracedFunction): void {
  for (const { tensor } of captures) if (!(tensor instanceof tf.Variable)) tensor.dispose();
}

function unload(engine: OnnxEngine, { id, traced }: LoadedProgram): void {
  releaseCaptures(traced);
  void engine.device.request({ kind: 'unload', program: id }).catch(() => undefined);
}
