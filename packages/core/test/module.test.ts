import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { assignHostValues, ConfigError, Module, ShapeError, type HostTensor } from '../src/index.js';

const host = (shape: number[], ...values: number[]): HostTensor => ({ shape, data: new Float32Array(values) });

class Leaf extends Module {
  readonly weight = this.variable('weight', host([2], 1, 2));
  readonly count = this.variable('count', { shape: [], data: new Int32Array([7]) }, { trainable: false });
}

class Tree extends Module {
  readonly scale = this.variable('scale', host([], 3));
  readonly blocks = [0, 1].map((index) => this.child(`blocks.${index}`, new Leaf()));
}

class Twice extends Module {
  constructor(kind: 'variable' | 'child' | 'both') {
    super();
    if (kind !== 'child') this.variable('part', host([], 0));
    if (kind !== 'variable') this.child('part', new Leaf());
    if (kind === 'variable') this.variable('part', host([], 0));
    if (kind === 'child') this.child('part', new Leaf());
  }
}

const names = ['scale', 'blocks.0.weight', 'blocks.0.count', 'blocks.1.weight', 'blocks.1.count'];

describe('Module', () => {
  it('lists its variables by dotted name in order', () => {
    const tree = new Tree();
    expect([...tree.namedVariables().keys()]).toEqual(names);
    expect([...tree.namedTrainableVariables().keys()]).toEqual(names.filter((name) => !name.endsWith('count')));
    expect(tree.trainableVariables()).toEqual([tree.scale, tree.blocks[0]!.weight, tree.blocks[1]!.weight]);
    expect(tree.parameterCount()).toBe(5);
    tree.dispose();
  });

  it('keeps dtypes, and copies of the values', () => {
    const values = host([2], 1, 2);
    class Copy extends Module {
      readonly weight = this.variable('weight', values);
    }
    const module = new Copy();
    values.data[0] = 9;
    expect([...module.weight.dataSync()]).toEqual([1, 2]);
    module.loadVariables(new Map([['weight', values]]));
    values.data[0] = 5;
    expect([...module.weight.dataSync()]).toEqual([9, 2]);
    const leaf = new Leaf();
    expect([leaf.weight.dtype, leaf.count.dtype]).toEqual(['float32', 'int32']);
    module.dispose();
    leaf.dispose();
  });

  it.each(['variable', 'child', 'both'] as const)('refuses a name that is used twice (%s)', (kind) => {
    tf.engine().startScope();
    expect(() => new Twice(kind)).toThrow(ConfigError);
    expect(() => new Twice(kind)).toThrow('Twice: expected names that differ, got "part" twice.');
    tf.engine().endScope();
    tf.disposeVariables();
  });

  it('loads all of its variables', () => {
    const tree = new Tree();
    const values = new Map<string, HostTensor>([
      ['blocks.1.count', { shape: [], data: new Int32Array([1]) }],
      ['blocks.1.weight', host([2], 2, 3)],
      ['blocks.0.count', { shape: [], data: new Int32Array([4]) }],
      ['blocks.0.weight', host([2], 5, 6)],
      ['scale', host([], 7)],
    ]);
    tree.loadVariables(values);
    const loaded = [...tree.namedVariables().values()].map((variable) => [...variable.dataSync()]);
    expect(loaded).toEqual([[7], [5, 6], [4], [2, 3], [1]]);
    tree.dispose();
  });

  it('names everything that does not fit and changes nothing', () => {
    const tree = new Tree();
    const load = (): void =>
      tree.loadVariables(
        new Map([
          ['scale', host([], 9)],
          ['blocks.0.weight', host([3], 1, 2, 3)],
          ['blocks.0.count', host([], 1, 2)],
          ['blocks.2.weight', host([2], 0, 0)],
          ['bias', host([1], 0)],
        ]),
      );
    expect(load).toThrow(ShapeError);
    expect(load).toThrow(
      'Tree.loadVariables: expected the 5 variables of the model, got missing: blocks.1.weight, blocks.1.count; ' +
        'unexpected: blocks.2.weight, bias; wrong shape: blocks.0.weight [3] instead of [2], ' +
        'blocks.0.count 2 values for [].',
    );
    expect(tree.scale.dataSync()[0]).toBe(3);
    tree.dispose();
  });

  it('leaves no tensors behind, also inside tidy, and may be disposed of twice', () => {
    const before = tf.memory();
    tf.engine().startScope();
    const tree = new Tree();
    tf.engine().endScope();
    expect(tree.scale.isDisposed).toBe(false);
    assignHostValues(new Map([['weight', tree.blocks[0]!.weight]]), new Map([['weight', host([2], 1, 2)]]), 'test');
    tree.dispose();
    tree.dispose();
    expect(tf.memory()).toEqual(before);
  });
});
