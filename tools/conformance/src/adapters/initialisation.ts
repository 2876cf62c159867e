import { DataError, randomKey, type Module, type RandomKey, type ReferenceWeight } from '@vitvq/core';
import { ViTDecoder, vitDecoderReferenceWeights, ViTEncoder, vitEncoderReferenceWeights } from '@vitvq/layers';
import { failed, type Comparison } from '../compare.js';
import type { Config, LoadedCase } from '../fixture.js';
import type { Adapter } from './adapter.js';
import { readViTOptions } from './vit.js';

/**
 * Models of different seeds whose weights are judged together, so that small tensors give enough
 * numbers.
 */
const seeds = 32;

/** How many standard errors mean and variance may be off. */
const standardErrors = 5;

interface Distribution {
  readonly dist: string;
  readonly value: number;
}

function distributions({ name, values = {} }: LoadedCase): [string, Distribution][] {
  return Object.entries(values).map(([weight, entry]) => {
    const { dist, value } = (entry ?? {}) as Partial<Distribution>;
    if (typeof dist !== 'string' || typeof value !== 'number') {
      throw new DataError({ where: name, expected: `dist and value of ${weight}`, got: JSON.stringify(entry) });
    }
    return [weight, { dist, value }];
  });
}

/** Compares drawn numbers with the distribution that they should come from. */
export function compareDistribution(name: string, drawn: readonly number[], { dist, value }: Distribution): Comparison {
  if (drawn.some((number) => !Number.isFinite(number))) return failed(name, 'values that are not finite');
  if (dist === 'constant') {
    const wrong = drawn.find((number) => number !== value);
    return wrong === undefined ? { name, ratio: 0 } : failed(name, `${wrong} instead of ${value}`);
  }
  if (dist !== 'uniform') return failed(name, `unknown distribution ${dist}`);
  const bound = value * (1 + 1e-6); // float32
  const outside = drawn.find((number) => Math.abs(number) > bound);
  if (outside !== undefined) return failed(name, `${outside} outside of ±${value}`);
  // Mean 0 with variance v²/3, mean square v²/3 with variance 4v⁴/45.
  const mean = drawn.reduce((sum, number) => sum + number, 0) / drawn.length;
  const meanSquare = drawn.reduce((sum, number) => sum + number * number, 0) / drawn.length;
  const meanError = Math.abs(mean) / Math.sqrt(value ** 2 / 3 / drawn.length);
  const squareError = Math.abs(meanSquare - value ** 2 / 3) / Math.sqrt((4 * value ** 4) / 45 / drawn.length);
  const ratio = Math.max(meanError, squareError) / standardErrors;
  return ratio <= 1
    ? { name, ratio }
    : {
        name,
        ratio,
        problem: `not U(±${value}): ${drawn.length} numbers of mean ${mean} and mean square ${meanSquare}`,
      };
}

function initialisationAdapter(
  create: (config: Config, where: string, key: RandomKey) => { module: Module; table: readonly ReferenceWeight[] },
): Adapter {
  return async (fixture) => {
    const drawn = new Map<string, number[]>();
    for (let seed = 0; seed < seeds; seed++) {
      const { module, table } = create(fixture.config, fixture.name, randomKey(seed));
      const variables = module.namedVariables();
      for (const { name, referenceName } of table) {
        const values = drawn.get(referenceName) ?? [];
        values.push(...variables.get(name)!.dataSync());
        drawn.set(referenceName, values);
      }
      module.dispose();
    }
    const expected = distributions(fixture);
    const listed = new Set(expected.map(([name]) => name));
    return {
      comparisons: [
        ...expected.map(([name, distribution]) => {
          const values = drawn.get(name);
          return values ? compareDistribution(name, values, distribution) : failed(name, 'no such weight');
        }),
        ...[...drawn.keys()]
          .filter((name) => !listed.has(name))
          .map((name) => failed(name, 'a weight that is not expected')),
      ],
    };
  };
}

/** First weights of `ViTEncoder`. */
export const vitEncoderInitialisation = initialisationAdapter((config, where, key) => {
  const options = readViTOptions(config, where, key);
  return { module: new ViTEncoder(options), table: vitEncoderReferenceWeights(options) };
});

/** First weights of `ViTDecoder`. */
export const vitDecoderInitialisation = initialisationAdapter((config, where, key) => {
  const options = readViTOptions(config, where, key);
  return { module: new ViTDecoder(options), table: vitDecoderReferenceWeights(options) };
});
