import * as tf from '@tensorflow/tfjs';
import { modelAxisOf, shardOverModel } from '@vitvq/core';
import { compile, doctor, useEngine } from '@vitvq/engine';
import { testOptimizer } from '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Adafactor,
  Adam,
  AdamW,
  applyGradients,
  decayGroups,
  GradientAccumulator,
  EMA,
  type Optimizer,
  type ParameterGroup,
} from '../src/index.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);

const shapes = { weight: [3, 4], bias: [4], kernel: [2, 3, 4], scale: [] };
const shapeEntries = Object.entries(shapes);

/** Values of about -1 to 1 that repeat for a seed. */
function values(shape: readonly number[], seed: number): tf.Tensor {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, index) => Math.sin(12.9898 * (index + 1) + 78.233 * seed)),
    [...shape],
  );
}

function makeVariables(): Map<string, tf.Variable> {
  return new Map(shapeEntries.map(([name, shape], index) => [name, tf.variable(values(shape, index))]));
}

function gradientsOf(seed: number): Map<string, tf.Tensor> {
  return new Map(shapeEntries.map(([name, shape], index) => [name, values(shape, 10 * seed + index)]));
}

function groupsOf(variables: ReadonlyMap<string, tf.Variable>): ParameterGroup[] {
  const pick = (names: readonly string[]): Map<string, tf.Variable> =>
    new Map(names.map((name) => [name, variables.get(name)!]));
  return [
    { variables: pick(['weight', 'kernel']), weightDecay: 0.1 },
    { variables: pick(['bias', 'scale']), weightDecay: 0, learningRateScale: 0.5 },
  ];
}

/** All bits of variables and state. */
function bitsOf(...maps: ReadonlyMap<string, tf.Variable>[]): number[][] {
  return maps.flatMap((map) =>
    [...map.values()].map((variable) => [...new Int32Array(variable.dataSync().slice().buffer)]),
  );
}

function setup(create: (groups: ParameterGroup[]) => Optimizer) {
  const variables = makeVariables();
  const optimizer = create(groupsOf(variables));
  return { variables, optimizer, state: optimizer.namedVariables() };
}

const moments = ['firstMoment.w', 'secondMoment.w'];
const factored = ['rowMoment.w', 'columnMoment.w'];

const contracts: [name: string, state: readonly string[], create: (groups: ParameterGroup[]) => Optimizer][] = [
  ['AdamW', ['step', ...moments], (groups) => new AdamW(groups)],
  ['Adam', ['step', ...moments], (groups) => new Adam(groups)],
  ['Adafactor', ['step', ...factored], (groups) => new Adafactor(groups)],
  [
    'Adafactor of the paper',
    ['step', ...factored, 'firstMoment.w'],
    (groups) => new Adafactor(groups, { beta1: 0.9, beta2: 0.96 }),
  ],
  [
    'Adafactor with relative steps',
    ['step', ...factored],
    (groups) => new Adafactor(groups, { relativeStep: true, clippingThreshold: 0.5 }),
  ],
];

it('keeps tensors of the shape of a weight on the devices where the weight is', () => {
  const weight = tf.variable(values([3, 4], 1));
  shardOverModel(weight, 1);
  const variables = new Map([['w', weight]]);
  const group = [{ variables, weightDecay: 0 }];
  const beside = [
    new AdamW(group),
    new Adam(group),
    new Adafactor(group, { beta1: 0.9 }),
    new EMA(variables),
    new GradientAccumulator(variables),
  ];
  for (const owner of beside) {
    for (const [name, variable] of owner.namedVariables()) {
      const expected = variable.rank === 2 ? 1 : undefined;
      expect([name, modelAxisOf(variable)]).toEqual([name, expected]);
    }
    owner.dispose();
  }
});

for (const [name, stateNames, create] of contracts) {
  testOptimizer({ name, stateNames, create: (variables) => create(decayGroups(variables, 0.01)) });
}

describe.skipIf(!hasOnnx)('on the compiled engine', () => {
  // The last but one update is skipped, because of its gradients; the one before, because of its
  // loss.
  const lossOf = (step: number): number => (step === 2 ? Infinity : 1);
  const stepGradients = (step: number): Map<string, tf.Tensor> =>
    step === 3 ? gradientsOf(step).set('kernel', tf.fill([2, 3, 4], NaN)) : gradientsOf(step);
  const tolerance = { rtol: 2e-5, atol: 2e-6 };

  beforeAll(async () => {
    await useEngine({ name: 'onnx', threads: 1 });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  type Named = Record<string, tf.Tensor>;

  it.each(contracts)('%s, applyGradients and EMA do as they do eagerly', async (_, _names, create) => {
    const make = () => {
      const made = setup(create);
      const average = new EMA(made.variables);
      const step = (named: Named, rate: tf.Scalar, loss: tf.Scalar) => {
        const { optimizer } = made;
        const gradients = new Map(Object.entries(named));
        const norms = applyGradients({ optimizer, clipNorm: 1 }, gradients, rate, { alsoFinite: loss });
        average.update();
        return norms;
      };
      return { ...made, average, step };
    };
    const [eager, compiled] = [make(), make()];
    const compiledStep = compile(compiled.step);
    for (let step = 0; step < 5; step++) {
      const named = Object.fromEntries(stepGradients(step));
      const [rate, loss] = [tf.scalar(0.1 / (step + 1)), tf.scalar(lossOf(step))];
      const before = bitsOf(compiled.variables, compiled.state);
      const expected = eager.step(named, rate, loss);
      const norms = await compiledStep(named, rate, loss);
      if (step === 2 || step === 3) expect(bitsOf(compiled.variables, compiled.state)).toEqual(before);
      if (step === 3) expect([...norms.gradientNorm.dataSync()]).toEqual([NaN]);
      else expect(norms.gradientNorms).toBeAllClose(expected.gradientNorms, { rtol: 1e-5 });
    }
    for (const [name, variable] of compiled.variables) {
      expect(variable).toBeAllClose(eager.variables.get(name)!, tolerance);
    }
    for (const [name, variable] of compiled.state) expect(variable).toBeAllClose(eager.state.get(name)!, tolerance);
    for (const [name, variable] of compiled.average.namedVariables()) {
      expect(variable).toBeAllClose(eager.average.namedVariables().get(name)!, tolerance);
    }
    expect(compiled.state.get('step')!.dataSync()[0]).toBe(3);
  });

  it('compiled functions see what swap has exchanged', async () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const average = new EMA(new Map([['w', w]]), { decay: 0.5, warmUp: false });
    const train = compile(() => {
      w.assign(tf.add(w, 1));
      average.update();
    });
    const evaluate = compile(() => tf.mul(w, 10));
    await train();
    average.swap();
    expect(await evaluate()).toBeAllClose([15, 25], { atol: 0 });
    average.swap();
    expect(await evaluate()).toBeAllClose([20, 30], { atol: 0 });
    await train();
    expect(w).toBeAllClose([3, 4], { atol: 0 });
    expect(average.namedVariables().get('average.w')!).toBeAllClose([2.25, 3.25], { atol: 0 });
  });

  it('GradientAccumulator does as it does eagerly', async () => {
    const variables = makeVariables();
    const accumulator = new GradientAccumulator(variables);
    const add = compile((named: Named) => accumulator.add(new Map(Object.entries(named))));
    const finish = compile(() => {
      const mean = Object.fromEntries(accumulator.mean(3));
      accumulator.clear();
      return mean;
    });
    const eager = new GradientAccumulator(variables);
    for (let round = 0; round < 2; round++) {
      for (let part = 0; part < 3; part++) {
        await add(Object.fromEntries(gradientsOf(3 * round + part)));
        eager.add(gradientsOf(3 * round + part));
      }
      const mean = await finish();
      for (const [name, expected] of eager.mean(3)) expect(mean[name]!).toBeAllClose(expected, { rtol: 1e-6 });
      eager.clear();
    }
  });
});
