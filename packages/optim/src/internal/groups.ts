import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, checkOptions, ConfigError, type OptionTable } from '@vitvq/core';
import type { ParameterGroup } from '../parameter-groups.js';

const parameterGroupNames: OptionTable<ParameterGroup> = {
  variables: 'required',
  weightDecay: 'optional',
  learningRateScale: 'optional',
};

/** Variable with the numbers of its group. */
export interface Member {
  readonly name: string;
  readonly variable: tf.Variable;
  readonly weightDecay: number;
  readonly learningRateScale: number;
}

/**
 * Returns all variables of all groups.
 * @throws {ConfigError} for groups that cannot be optimized
 */
export function membersOf(groups: readonly ParameterGroup[], defaultWeightDecay: number, where: string): Member[] {
  if (!Array.isArray(groups)) {
    const fix = 'Pass [{ variables: model.namedTrainableVariables() }], or decayGroups(…).';
    throw new ConfigError({ where, expected: 'a list of groups of variables', got: typeof groups, fix });
  }
  const members = groups.flatMap((group: ParameterGroup): Member[] => {
    const {
      variables,
      weightDecay = defaultWeightDecay,
      learningRateScale = 1,
    } = checkOptions(group, parameterGroupNames, `${where}, group`);
    assertInRange(weightDecay, 'weightDecay', where, 0);
    assertInRange(learningRateScale, 'learningRateScale', where, 0);
    return [...variables].map(([name, variable]) => ({ name, variable, weightDecay, learningRateScale }));
  });
  const owners = new Map<tf.Variable, string>();
  const names = new Set<string>();
  for (const { name, variable } of members) {
    const other = names.has(name) ? name : owners.get(variable);
    if (other !== undefined) {
      const got = other === name ? `${name} twice` : `one variable as ${other} and as ${name}`;
      throw new ConfigError({ where, expected: 'every variable in one group, once', got });
    }
    if (!variable.trainable || variable.dtype !== 'float32') {
      throw new ConfigError({
        where,
        expected: 'trainable float32 variables',
        got: `${name}, ${variable.trainable ? variable.dtype : 'not trainable'}`,
        fix: 'Make the groups from namedTrainableVariables().',
      });
    }
    names.add(name);
    owners.set(variable, name);
  }
  if (members.length === 0) throw new ConfigError({ where, expected: 'groups with variables', got: 'none' });
  return members;
}

/**
 * Returns a function from the scale of a group to its learning rate; groups of one scale share a
 * tensor.
 */
export function groupRates(learningRate: tf.Scalar): (scale: number) => tf.Scalar {
  const rates = new Map([[1, learningRate]]);
  return (scale) => {
    const rate = rates.get(scale) ?? tf.mul<tf.Scalar>(learningRate, scale);
    rates.set(scale, rate);
    return rate;
  };
}
