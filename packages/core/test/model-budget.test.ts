import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  assertAffordable,
  constantInitializer,
  Module,
  normalInitializer,
  randomKey,
  ShapeError,
  uniformInitializer,
  withoutDrawing,
} from '../src/index.js';

const key = randomKey(0);
const weights = { file: 'model.safetensors', entries: [{ shape: [2, 3] }, { shape: [] }] };

class Layer extends Module {
  readonly weight = this.variable('weight', uniformInitializer(1)(key, [2, 3]));
}

class Stack extends Module {
  constructor(depth: number) {
    super();
    for (let index = 0; index < depth; index++) this.child(`layers.${index}`, new Layer());
  }
}

describe('a model that is built for a file', () => {
  it('may be as large as the file, or somewhat larger, so that both can be compared by name', () => {
    const model = withoutDrawing(() => new Stack(20), weights);
    expect(model.parameterCount()).toBe(120);
    model.dispose();
  });

  it.each([
    ['normal', () => normalInitializer()(key, [2 ** 30, 2 ** 20])],
    ['uniform', () => uniformInitializer(1)(key, [2 ** 30, 2 ** 20])],
    ['constant', () => constantInitializer(0)(key, [2 ** 30, 2 ** 20])],
  ])('takes no memory for a tensor that the file cannot hold: %s', (_name, build) => {
    const building = (): unknown => withoutDrawing(build, weights);
    expect(building).toThrow(ShapeError);
    expect(building).toThrow(
      'model.safetensors: expected the weights of the model that the config describes, got 7 elements in 2 tensors, far too ' +
        'few for a model with a tensor [1073741824, 1048576] besides what it has already. The config belongs to another model.',
    );
  });

  it('stops at too many variables, and leaves none of them', () => {
    const before = tf.memory();
    expect(() => withoutDrawing(() => new Stack(1e9), weights)).toThrow(ShapeError);
    expect(tf.memory()).toEqual(before);
  });

  it('is asked for what is no variable', () => {
    const asking = (): void => withoutDrawing(() => assertAffordable({ variables: 2e9 }, '2000000000 blocks'), weights);
    expect(asking).toThrow('got 7 elements in 2 tensors, far too few for 2000000000 blocks.');
    expect(() => withoutDrawing(() => assertAffordable({ elements: 1e9 }, 'a table'), weights)).toThrow(ShapeError);
    expect(() =>
      withoutDrawing(() => assertAffordable({ elements: 9, variables: 9 }, 'a table'), weights),
    ).not.toThrow();
  });

  it('bounds nothing else: not after it, and not where there is no file', () => {
    expect(() => assertAffordable({ elements: 1e12 }, 'a table')).not.toThrow();
    expect(() => withoutDrawing(() => assertAffordable({ elements: 1e12 }, 'a table'))).not.toThrow();
  });
});
