import * as tf from '@tensorflow/tfjs-core';

/** What TensorFlow.js keeps of a call for the gradient. */
export interface TapeNode {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
  gradient?: (dys: (tf.Tensor | null)[]) => Record<string, () => tf.Tensor>;
}

/** The private part of TensorFlow.js's engine that keeps the tape. */
export interface TapeEngine {
  readonly state: { readonly activeTape: TapeNode[] | undefined };
  addTapeNode(
    kernel: string,
    inputs: TapeNode['inputs'],
    outputs: TapeNode['outputs'],
    ...rest: readonly unknown[]
  ): void;
}

/**
 * Makes TensorFlow.js put each call on the tape before what it has saved of its outputs. In version
 * 4.22 these clones come first, and a search in the order of the tape finds no way through them:
 * second-order gradients of exp, tanh, sigmoid, softmax and their kind are errors, or wrong without
 * a word.
 */
export function orderTape(): void {
  const prototype = Object.getPrototypeOf(tf.engine()) as TapeEngine;
  const add = Reflect.get<TapeEngine, 'addTapeNode'>(prototype, 'addTapeNode');
  prototype.addTapeNode = function (this: TapeEngine, ...call) {
    add.apply(this, call);
    const activeTape = this.state.activeTape!;
    const node = activeTape.pop()!;
    let place = activeTape.length;
    while (place > 0 && readsOutput(activeTape[place - 1]!, node)) place--;
    activeTape.splice(place, 0, node);
  };
}

const readsOutput = ({ inputs }: TapeNode, { outputs }: TapeNode): boolean =>
  Object.values(inputs).some((input) => outputs.includes(input));
