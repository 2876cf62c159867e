import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  assertFitsBudget,
  constantInitializer,
  foldIn,
  Module,
  normalInitializer,
  randomKey,
  ShapeError,
  skipInitialization,
  split,
  uniformInitializer,
  type RandomKey,
} from '../src/index.js';

const weights = { file: 'model.safetensors', entries: [{ shape: [2, 3] }, { shape: [] }] };

class Layer extends Module {
  constructor(key: RandomKey) {
    super();
    this.variable('weight', uniformInitializer(1)(key, [2, 3]));
  }
}

class Stack extends Module {
  constructor(depth: number, key: RandomKey) {
    super();
    for (let index = 0; index < depth; index++) this.child(`layers.${index}`, new Layer(foldIn(key, index)));
  }
}

describe('a model that is built for a file', () => {
  it('may be as large as the file, or somewhat larger, so that both can be compared by name', () => {
    const model = skipInitialization((key) => new Stack(20, key), weights);
    expect(model.parameterCount()).toBe(120);
    model.dispose();
  });

  it.each([
    ['normal', (key: RandomKey) => normalInitializer()(key, [2 ** 30, 2 ** 20])],
    ['uniform', (key: RandomKey) => uniformInitializer(1)(key, [2 ** 30, 2 ** 20])],
    ['constant', (key: RandomKey) => constantInitializer(0)(key, [2 ** 30, 2 ** 20])],
  ])('takes no memory for a tensor that the file cannot hold: %s', (_name, build) => {
    const building = (): unknown => skipInitialization((key) => build(split(key)[1]!), weights);
    expect(building).toThrow(ShapeError);
    expect(building).toThrow(
      'model.safetensors: expected the weights of the model that the config describes, got 7 elements in 2 tensors, far too ' +
        'few for a model with a tensor [1073741824, 1048576] besides what it has already. The config belongs to another model.',
    );
  });

  it('stops at too many variables, and leaves none of them', () => {
    const before = tf.memory();
    expect(() => skipInitialization((key) => new Stack(1e9, key), weights)).toThrow(ShapeError);
    expect(tf.memory()).toEqual(before);
  });

  it('is asked for what is no variable', () => {
    const asking = (needs: { elements?: number; variables?: number }, what: string) => (): void =>
      skipInitialization((key) => assertFitsBudget(foldIn(key, 1), needs, what), weights);
    expect(asking({ variables: 2e9 }, '2000000000 blocks')).toThrow(
      'got 7 elements in 2 tensors, far too few for 2000000000 blocks.',
    );
    expect(asking({ elements: 1e9 }, 'a table')).toThrow(ShapeError);
    expect(asking({ elements: 9, variables: 9 }, 'a table')).not.toThrow();
  });

  it('bounds nothing where there is no file, and no model with an ordinary key', () => {
    expect(() => assertFitsBudget(randomKey(0), { elements: 1e12 }, 'a table')).not.toThrow();
    expect(() => skipInitialization((key) => assertFitsBudget(key, { elements: 1e12 }, 'a table'))).not.toThrow();
  });

  it('disposes of the variables of a model that cannot be built, and of no others', () => {
    const other = tf.variable(tf.scalar(1));
    const before = tf.memory();
    const building = (): unknown =>
      skipInitialization((key) => {
        new Stack(2, key);
        throw new Error('no model');
      });
    expect(building).toThrow('no model');
    expect(tf.memory()).toEqual(before);
    expect(other.isDisposed).toBe(false);
    other.dispose();
  });
});
