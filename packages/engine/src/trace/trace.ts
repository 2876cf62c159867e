import * as tf from '@tensorflow/tfjs-core';
import type { TensorType } from '../backend/backend.js';
import type { Graph } from '../ir/graph.js';
import { CompileError } from '../errors.js';
import { registerGradients } from '../gradients.js';
import { withoutPromises } from '../refuse-promises.js';
import { flatten, unflatten, type StructureTemplate } from '../structure.js';
import { callSite } from './call-site.js';
import { registerTraceKernels } from './kernels.js';
import { readError, traceBackend, traceBackendName, TraceSession, type Capture } from './trace-backend.js';
import type { TraceObserver } from './trace-observer.js';

/** A function as a graph. */
export interface TracedFunction {
  /** Inputs: arguments, then `captures`. Outputs: results, then the new values of `assigned`. */
  readonly graph: Graph;
  readonly argumentCount: number;
  /** Tensors from outside that the function reads. */
  readonly captures: readonly Capture[];
  /** Variables that the function assigns. */
  readonly assigned: readonly tf.Variable[];
  readonly resultCount: number;
  /** Structure that the function returns. */
  readonly resultTemplate: StructureTemplate;
}

/** Disposes of the handles on captured tensors; variables stay. */
export function releaseCaptures({ captures }: Pick<TracedFunction, 'captures'>): void {
  for (const { tensor } of captures) if (!(tensor instanceof tf.Variable)) tensor.dispose();
}

/** Whether a function is being traced. */
export function isTracing(): boolean {
  return traceBackend().session !== undefined;
}

/**
 * Runs `fn` once on the recording backend, which computes nothing.
 * @param observer  is told what is called, and of what cannot be recorded, in place of an error
 * @throws {CompileError} for what cannot be recorded: reading values, host randomness, an unknown
 *   operation
 */
export function trace(
  fn: (...values: never[]) => unknown,
  argumentTypes: readonly TensorType[],
  argumentTemplate: StructureTemplate,
  name: string,
  observer?: TraceObserver,
): TracedFunction {
  registerTraceKernels();
  registerGradients();
  const backend = traceBackend();
  const session = new TraceSession(name, observer);
  tf.backend(); // starts one, where none was used yet
  const previousBackend = tf.engine().backendName;
  const restore = guard(session);
  backend.session = session;
  void tf.setBackend(traceBackendName); // synchronous: the backend exists
  try {
    let traced: TracedFunction;
    tf.tidy(() => {
      traced = record(session, fn, argumentTypes, argumentTemplate);
    });
    return traced!;
  } catch (error) {
    releaseCaptures(session);
    throw explain(error, name);
  } finally {
    backend.session = undefined;
    restore();
    void tf.setBackend(previousBackend);
  }
}

/**
 * Calls the function with stand-ins of its arguments and collects what the session has recorded.
 */
function record(
  session: TraceSession,
  fn: (...values: never[]) => unknown,
  argumentTypes: readonly TensorType[],
  argumentTemplate: StructureTemplate,
): TracedFunction {
  const { name, main } = session;
  const values = argumentTypes.map(({ shape, dtype }) => main.input(shape, dtype));
  const tensors = values.map((value) => session.tensor(value));
  const returned = withoutPromises(name, () => fn(...(unflatten(argumentTemplate, tensors) as never[])));
  const { tensors: results, template } = flatten(returned, `${name}, result`);
  const outputs = results.map((result) => session.value(result));
  const assigned = [...session.assignments];
  const graph = main.finish([...outputs, ...assigned.map(([, value]) => value)]);
  // Arguments come first, however late a captured tensor was met.
  const captured = session.captures.map(({ value }) => value);
  return {
    graph: { ...graph, inputs: [...values, ...captured] },
    argumentCount: values.length,
    captures: session.captures,
    assigned: assigned.map(([variable]) => variable),
    resultCount: outputs.length,
    resultTemplate: template,
  };
}

/**
 * Installs guards where a trace would silently go wrong, and returns a function that removes them:
 * assignments are recorded; host randomness, reads of variables and new variables are refused.
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
      got: `Math.random, or a TensorFlow.js random operation or dropout${atCallSite(new Error().stack)}`,
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
  // These properties shadow the methods and are removed again below.
  Object.assign(engine, {
    readSync: refuseRead((dataId) => methods.readSync.call(engine, dataId)),
    read: refuseRead((dataId) => methods.read.call(engine, dataId)),
    makeVariable: () => {
      throw new CompileError({
        where: session.name,
        expected: 'variables that exist before the first call',
        got: `a new one, from tf.variable or an optimizer of TensorFlow.js${atCallSite(new Error().stack)}`,
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

/** Formats the place of a call for the end of a sentence. */
function atCallSite(stack: string | undefined): string {
  const site = callSite(stack);
  return site ? `, ${site}` : '';
}

/** Turns the error of a missing kernel into one that names the operation and its place. */
function explain(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || error instanceof CompileError) return error;
  const kernel = /[Kk]ernel '(\w+)' (?:not registered )?for backend/.exec(error.message)?.[1];
  if (!kernel) return error;
  return new CompileError(
    {
      where: name,
      expected: 'operations that can be compiled',
      got: `the TensorFlow.js kernel ${kernel}${atCallSite(error.stack)}`,
      fix: 'Write it with other operations, or run the function eagerly (engine "cpu").',
    },
    { cause: error },
  );
}
