import * as tf from '@tensorflow/tfjs-core';
import type { DType, Graph } from '../ir/graph.js';
import { CompileError } from '../errors.js';
import { registerGradients } from '../gradients.js';
import { flatten, unflatten, type StructureTemplate } from '../structure.js';
import { registerTraceKernels } from './kernels.js';
import { readError, traceBackend, traceBackendName, TraceSession, type Capture } from './trace-backend.js';

/** Shape and dtype of one argument tensor. */
export interface TensorType {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** What a function does, as a graph. */
export interface TracedFunction {
  /** Inputs: arguments, then `captures`. Outputs: results, then the new values of `assigned`. */
  readonly graph: Graph;
  readonly argumentCount: number;
  readonly captures: readonly Capture[];
  readonly assigned: readonly tf.Variable[];
  readonly resultCount: number;
  readonly resultTemplate: StructureTemplate;
}

/** Whether a function is being traced now. */
export function isTracing(): boolean {
  return traceBackend().session !== undefined;
}

/**
 * Runs `fn` once under the recording backend; nothing is computed.
 * @throws {CompileError} for what cannot be recorded: reading values, host randomness, an unknown operation
 */
export function trace(
  fn: (...values: never[]) => unknown,
  argumentTypes: readonly TensorType[],
  argumentTemplate: StructureTemplate,
  name: string,
): TracedFunction {
  registerTraceKernels();
  registerGradients();
  const backend = traceBackend();
  const engine = tf.engine();
  const session = new TraceSession(name);
  tf.backend(); // starts one, where none was used yet
  const previousBackend = engine.backendName;
  const restore = guard(session);
  backend.session = session;
  void tf.setBackend(traceBackendName); // synchronous: the backend exists
  try {
    let traced: TracedFunction;
    tf.tidy(() => {
      const values = argumentTypes.map(({ shape, dtype }) => session.main.input(shape, dtype));
      const tensors = values.map((value) => session.tensor(value));
      const structure = unflatten(argumentTemplate, tensors) as never[];
      const returned = fn(...structure);
      if (returned instanceof Promise) {
        throw new CompileError({
          where: name,
          expected: 'a synchronous function',
          got: 'a promise',
          fix: 'Await outside the compiled function.',
        });
      }
      const { tensors: results, template } = flatten(returned, `${name}, result`);
      const outputs = results.map((result) => session.value(result));
      const assigned = [...session.assignments];
      const graph = session.main.finish([...outputs, ...assigned.map(([, value]) => value)]);
      // Arguments come first however late a captured tensor was met.
      const captured = session.captures.map(({ value }) => value);
      traced = {
        graph: { ...graph, inputs: [...values, ...captured] },
        argumentCount: values.length,
        captures: session.captures,
        assigned: assigned.map(([variable]) => variable),
        resultCount: outputs.length,
        resultTemplate: template,
      };
    });
    return traced!;
  } catch (error) {
    for (const { tensor } of session.captures) if (!(tensor instanceof tf.Variable)) tensor.dispose();
    throw explain(error, name);
  } finally {
    backend.session = undefined;
    restore();
    void tf.setBackend(previousBackend);
  }
}

/**
 * Puts watchers where a trace would silently go wrong, and returns how to take them away: assignments are recorded,
 * host randomness and reads of variables are refused.
 */
function guard(session: TraceSession): () => void {
  const engine = tf.engine();
  const { assign } = tf.Variable.prototype;
  const { random } = Math;
  const variables = new Map(Object.values(engine.registeredVariables).map((variable) => [variable.dataId, variable]));
  tf.Variable.prototype.assign = function (this: tf.Variable, next: tf.Tensor): void {
    session.assign(this, next);
  };
  Math.random = () => {
    throw new CompileError({
      where: session.name,
      expected: 'randomness to come in as a tensor',
      got: `Math.random, or a TensorFlow.js random operation or dropout${callSite(new Error().stack)}`,
      fix: 'It would be drawn once and frozen into the compiled function; draw noise from a random key and pass it as an argument.',
    });
  };
  const refuseRead =
    <R>(read: (dataId: object) => R) =>
    (dataId: object): R => {
      const variable = variables.get(dataId);
      if (variable) throw readError(session.name, variable.shape);
      return read(dataId);
    };
  const methods = Object.getPrototypeOf(engine) as typeof engine;
  // Own properties that shadow the methods, removed again below.
  Object.assign(engine, {
    readSync: refuseRead((dataId) => methods.readSync.call(engine, dataId)),
    read: refuseRead((dataId) => methods.read.call(engine, dataId)),
    makeVariable: () => {
      throw new CompileError({
        where: session.name,
        expected: 'variables that exist before the first call',
        got: `a new one, from tf.variable or an optimizer of TensorFlow.js${callSite(new Error().stack)}`,
        fix: 'Create variables and optimizers outside; AdamW of @vitvq/optim can be compiled.',
      });
    },
  });
  return () => {
    tf.Variable.prototype.assign = assign;
    Math.random = random;
    Reflect.deleteProperty(engine, 'readSync');
    Reflect.deleteProperty(engine, 'read');
    Reflect.deleteProperty(engine, 'makeVariable');
  };
}

/** The first line of a stack that is the user's, as ` at file:line:column`. */
function callSite(stack: string | undefined): string {
  const frame = stack
    ?.split('\n')
    .slice(1)
    .find(
      (line) =>
        /\.[cm]?[jt]s/.test(line) &&
        !/@tensorflow|tfjs-core\/src|vitvq\/engine|packages\/engine\/(src|dist)|node:internal/.test(line),
    );
  return frame ? `, ${frame.trim()}` : '';
}

function explain(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || error instanceof CompileError) return error;
  const kernel = /[Kk]ernel '(\w+)' (?:not registered )?for backend/.exec(error.message)?.[1];
  if (!kernel) return error;
  return new CompileError(
    {
      where: name,
      expected: 'operations that can be compiled',
      got: `the TensorFlow.js kernel ${kernel}${callSite(error.stack)}`,
      fix: 'Write it with other operations, or run the function eagerly (engine "cpu").',
    },
    { cause: error },
  );
}
