import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey } from '@vitvq/core';
import '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import type { discriminatorKinds } from '../src/index.js';
import {
  createDiscriminator,
  discriminatorReferenceWeights,
  discriminatorSchema,
  PatchDiscriminator,
  StyleDiscriminator,
  styleDiscriminatorChannels,
  type DiscriminatorConfig,
} from '../src/index.js';

const key = randomKey(7);

/** A config of each kind, and the discriminator that it asks for. */
const examples = {
  style: {
    // prettier-ignore
    config: { kind: 'style', size: [8, 14], channels: { width: 4 }, blurKernel: [[1, 2], [0, 1]] },
    create: () =>
      new StyleDiscriminator({
        size: [8, 14],
        channels: styleDiscriminatorChannels({ width: 4 }),
        blurKernel: [[1, 2], [0, 1]], // prettier-ignore
        key,
      }),
  },
  patch: {
    config: { kind: 'patch', baseChannels: 2, depth: 1, normalization: 'act-norm' },
    create: () => new PatchDiscriminator({ baseChannels: 2, depth: 1, normalization: 'act-norm', key }),
  },
} satisfies Record<keyof typeof discriminatorKinds, { config: DiscriminatorConfig; create: () => unknown }>;

describe.each(Object.entries(examples))('the discriminator of kind %s', (_, { config, create }) => {
  it('is what its config says, also out of JSON', () => {
    const [made, expected] = [
      createDiscriminator(JSON.parse(JSON.stringify(config)) as DiscriminatorConfig, { key }),
      create(),
    ];
    const images = tf.reshape<tf.Rank.R4>(tf.linspace(0, 1, 2 * 8 * 14 * 3), [2, 8, 14, 3]);
    expect(made.logits(images)).toBeAllClose(expected.logits(images), { rtol: 0, atol: 0 });
    made.dispose();
    expected.dispose();
  });

  it('has its variables in the table of the reference', () => {
    const made = createDiscriminator(config, { key });
    const names = discriminatorReferenceWeights(config).map(({ name }) => name);
    expect(names.sort()).toEqual([...made.namedVariables().keys()].sort());
    made.dispose();
  });
});

describe('configs of discriminators', () => {
  it('have the defaults of the classes', () => {
    expect(discriminatorSchema.parse({ kind: 'patch' })).toEqual({
      kind: 'patch',
      inChannels: 3,
      baseChannels: 64,
      depth: 3,
      normalization: 'batch-norm',
    });
    expect(discriminatorSchema.parse({ kind: 'style', size: 16 })).toMatchObject({
      channels: { multiplier: 2, width: 512 },
      blurKernel: [1, 3, 3, 1],
      stddevGroup: 4,
    });
  });

  it.each([
    [{ kind: 'patch', depth: 0, deep: true }, ['depth is 0', 'unknown option "deep"']],
    [{ kind: 'style' }, ['size is undefined: expected a size or [height, width] in pixels']],
    [{ kind: 'residual' }, ['kind is "residual"']],
    [{ kind: 'style', size: 24 }, ['size with a smaller side of 8, 16, 32, ..., 1024']],
  ])('of %j are refused', (config, problems) => {
    const create = (): unknown => createDiscriminator(config as DiscriminatorConfig, { key });
    expect(create).toThrow(ConfigError);
    for (const problem of problems) expect(create).toThrow(problem);
  });
});
