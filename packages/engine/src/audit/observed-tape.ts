import * as tf from '@tensorflow/tfjs-core';
import type { TapeEngine, TapeNode } from '../tape-order.js';

/** A call of the audited function, to which everything that its gradients call is counted. */
export interface ObservedCall {
  /** Kernel, or the name of the scope for a function of `tf.customGrad`. */
  readonly kernel: string;
  /** 0 for a call of the function, 1 for one of its gradient, 2 for one of the gradient of that. */
  readonly order: number;
  /** The call of the function itself that it belongs to. */
  readonly origin: { readonly kernel: string; readonly place: Error };
}

/**
 * Watches how TensorFlow.js differentiates. A gradient that is missing, fails or does not fit is
 * reported, and zeros stand for it, so that the next ones are met too.
 */
export class ObservedTape {
  readonly #onFailure: (call: ObservedCall, reason: string) => void;
  /** The call whose gradient is being computed. */
  #differentiated: ObservedCall | undefined;

  /** @param onFailure  called with the call whose gradient cannot be computed, and the reason */
  constructor(onFailure: (call: ObservedCall, reason: string) => void) {
    this.#onFailure = onFailure;
  }

  /** Describes the call of a kernel that is under way. */
  callOf(kernel: string): ObservedCall {
    const outer = this.#differentiated;
    return outer
      ? { kernel, order: outer.order + 1, origin: outer.origin }
      : { kernel, order: 0, origin: { kernel, place: new Error('call') } };
  }

  /** Runs `run`, whose tape is watched. */
  watch<T>(run: () => T): T {
    const engine = tf.engine() as unknown as TapeEngine;
    const add = engine.addTapeNode.bind(engine);
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 60; // TensorFlow.js has a dozen frames of its own above each kernel
    // This property shadows the method and is removed again below.
    Object.assign(engine, {
      addTapeNode: (...call: Parameters<typeof add>): void => {
        add(...call);
        const [kernel, , outputs] = call;
        const node = engine.state.activeTape!.findLast((each) => each.outputs === outputs);
        if (node) this.#observe(node, this.callOf(kernel));
      },
    });
    try {
      return run();
    } finally {
      Reflect.deleteProperty(engine, 'addTapeNode');
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  /** Puts a gradient into the place of a node's own that never fails. */
  #observe(node: TapeNode, call: ObservedCall): void {
    const { gradient, inputs } = node;
    node.gradient = (dys) => {
      if (!gradient) this.#onFailure(call, 'it has no gradient');
      const gradients = gradient && this.#attempt(call, () => gradient(dys));
      const entries = Object.entries(inputs).map(([name, { shape }]) => {
        const compute = (): tf.Tensor => {
          const dx = gradients && this.#attempt(call, () => gradientOf(gradients, name, shape));
          return dx ?? tf.zeros(shape);
        };
        return [name, compute] as const;
      });
      return Object.fromEntries(entries);
    };
  }

  /** Runs a part of the gradient of a call; returns undefined where it fails. */
  #attempt<T>(call: ObservedCall, run: () => T): T | undefined {
    const outer = this.#differentiated;
    this.#differentiated = call;
    try {
      return run();
    } catch (error) {
      this.#onFailure(call, error instanceof Error ? error.message : String(error));
      return undefined;
    } finally {
      this.#differentiated = outer;
    }
  }
}

/** Computes the gradient of one input. @throws {Error} where there is none or it does not fit */
function gradientOf(
  gradients: Readonly<Record<string, () => tf.Tensor>>,
  name: string,
  shape: readonly number[],
): tf.Tensor {
  const compute = gradients[name];
  if (!compute) throw new Error(`it has no gradient with respect to ${name}`);
  const dx = compute();
  if (dx.dtype !== 'float32') throw new Error(`its gradient with respect to ${name} is ${dx.dtype}, not float32`);
  if (!tf.util.arraysEqual(dx.shape, [...shape])) {
    throw new Error(`its gradient with respect to ${name} has the shape [${dx.shape}], not [${shape}]`);
  }
  return dx;
}
