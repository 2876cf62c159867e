import * as tf from '@tensorflow/tfjs-core';
import { CompileError } from './errors.js';

/** Whether something can be awaited; a promise of another library counts too. */
function isAwaitable(node: unknown): node is PromiseLike<unknown> {
  const isObject = (typeof node === 'object' && node !== null) || typeof node === 'function';
  return isObject && typeof (node as { readonly then?: unknown }).then === 'function';
}

/** Returns the promises in arrays and plain objects, each with its place. */
function promisesIn(node: unknown, path: string): { readonly promise: PromiseLike<unknown>; readonly path: string }[] {
  if (isAwaitable(node)) return [{ promise: node, path }];
  if (Array.isArray(node)) return node.flatMap((item, index) => promisesIn(item, `${path}[${index}]`));
  if (node === null || typeof node !== 'object' || Object.getPrototypeOf(node) !== Object.prototype) return [];
  return Object.entries(node).flatMap(([key, item]) => promisesIn(item, `${path}.${key}`));
}

/**
 * Throws where a structure has a promise in it. What the promises come to is ignored: nobody awaits
 * them any more, and a rejection without a handler would end the process.
 * @throws {CompileError} naming the first promise
 */
export function refusePromises(structure: unknown, where: string): void {
  const found = promisesIn(structure, 'value');
  for (const { promise } of found) Promise.resolve(promise).catch(() => undefined);
  if (found.length === 0) return;
  throw new CompileError({
    where,
    expected: 'tensors, and a synchronous function',
    got: `a promise${found[0]!.path === 'value' ? '' : ` at ${found[0]!.path}`}`,
    fix: 'Await outside the compiled function, and pass tensors.',
  });
}

/** A function that TensorFlow.js calls. */
type Callback = (...values: unknown[]) => unknown;

/**
 * Calls `run` and refuses promises of every function that it hands to TensorFlow.js, besides its
 * own: `tf.tidy`, `tf.grads` and their kind, `tf.customGrad`. TensorFlow.js would go on with the
 * promise as if it were a tensor.
 * @throws {CompileError}
 */
export function withoutPromises<T>(where: string, run: () => T): T {
  const engine = tf.engine();
  const tidy = engine.tidy.bind(engine) as Callback;
  const customGrad = engine.customGrad.bind(engine) as Callback;
  const checked =
    (call: Callback, what: string): Callback =>
    (...values) => {
      const result = call(...values);
      if (isAwaitable(result)) refusePromises(result, `${where}, ${what}`);
      return result;
    };
  const checkedTidy: Callback = (...values) =>
    tidy(...values.map((value) => (isFunction(value) ? checked(value, 'tf.tidy or a gradient') : value)));
  const checkedGradient: Callback = (fn) => {
    const forward = checked(fn as Callback, 'tf.customGrad');
    return customGrad((...values: unknown[]) => {
      const { gradFunc, ...result } = forward(...values) as { readonly gradFunc: unknown };
      return { ...result, gradFunc: isFunction(gradFunc) ? checked(gradFunc, 'a custom gradient') : gradFunc };
    });
  };
  // These properties shadow the methods, and are what they were afterwards.
  const names = ['tidy', 'customGrad'] as const;
  const before = names.map((name) => Object.getOwnPropertyDescriptor(engine, name));
  Object.assign(engine, { tidy: checkedTidy, customGrad: checkedGradient });
  try {
    const result = run();
    refusePromises(result, where);
    return result;
  } finally {
    names.forEach((name, index) => {
      if (before[index]) Object.defineProperty(engine, name, before[index]);
      else Reflect.deleteProperty(engine, name);
    });
  }
}

const isFunction = (value: unknown): value is Callback => typeof value === 'function';
