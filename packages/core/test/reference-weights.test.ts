import { describe, expect, it } from 'vitest';
import {
  channelWeight,
  convolutionWeight,
  linearWeight,
  permuteHost,
  prefixReferenceWeights,
  randomKey,
  randomNormal,
  sameWeight,
  type HostTensor,
} from '../src/index.js';

const tensor = (...shape: number[]): HostTensor => ({
  shape,
  data: randomNormal(
    randomKey(1),
    shape.reduce((a, b) => a * b, 1),
  ),
});

describe('permuteHost', () => {
  it('transposes by hand', () => {
    const { shape, data } = permuteHost({ shape: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) }, [1, 0]);
    expect(shape).toEqual([3, 2]);
    expect([...data]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('moves every element of a convolution weight, and keeps integers', () => {
    const [O, I, H, W] = [2, 3, 4, 5];
    const source = tensor(O, I, H, W);
    const moved = permuteHost(source, [2, 3, 1, 0]);
    expect(moved.shape).toEqual([H, W, I, O]);
    for (let o = 0; o < O; o++)
      for (let i = 0; i < I; i++)
        for (let h = 0; h < H; h++)
          for (let w = 0; w < W; w++) {
            expect(moved.data[((h * W + w) * I + i) * O + o]).toBe(source.data[((o * I + i) * H + h) * W + w]);
          }
    expect(permuteHost(moved, [3, 2, 0, 1])).toEqual(source);
    expect(permuteHost({ shape: [1, 2], data: new Int32Array([3, 4]) }, [1, 0]).data).toEqual(new Int32Array([3, 4]));
  });

  it('takes scalars and empty tensors', () => {
    expect(permuteHost(tensor(), []).data).toHaveLength(1);
    expect(permuteHost(tensor(0, 3), [1, 0])).toEqual({ shape: [3, 0], data: new Float32Array(0) });
  });
});

describe('reference weights', () => {
  it('go to the reference and back', () => {
    for (const weight of [sameWeight('scale', 'norm.weight'), linearWeight('weight', 'fc.weight')]) {
      const ours = tensor(3, 4);
      expect(weight.fromReference(weight.toReference(ours))).toEqual(ours);
    }
    expect(linearWeight('weight', 'fc.weight').fromReference(tensor(4, 3)).shape).toEqual([3, 4]);
    for (const [weight, theirs, ours] of [
      [convolutionWeight('weight', 'conv.weight'), tensor(2, 3, 5, 4), [5, 4, 3, 2]],
      [channelWeight('loc', 'norm.loc'), tensor(1, 3, 1, 1), [3]],
    ] as const) {
      expect(weight.fromReference(theirs).shape).toEqual(ours);
      expect(weight.toReference(weight.fromReference(theirs))).toEqual(theirs);
    }
  });

  it('take prefixes on both sides', () => {
    const [weight] = prefixReferenceWeights([linearWeight('weight', 'fc.weight')], 'blocks.0', 'layers.0.1');
    expect(weight).toMatchObject({ name: 'blocks.0.weight', referenceName: 'layers.0.1.fc.weight' });
    expect(weight!.fromReference(tensor(4, 3)).shape).toEqual([3, 4]);
  });
});
