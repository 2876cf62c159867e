import { maximumSize, parseOptions } from '@vitvq/core';
import type { ReferenceWeight } from '@vitvq/core';
import { z } from 'zod';
import { LPIPS, lpipsReferenceWeights, VGG16_CHANNELS } from './lpips.js';

const count = z.int().min(1).max(maximumSize);
const lpipsSchema = z.strictObject({
  kind: z.literal('lpips'),
  channels: z.tuple([count, count, count, count, count]).default([...VGG16_CHANNELS]),
});

/** Perceptual losses that a config reaches by name: one row a kind. */
export const perceptualLossKinds = {
  lpips: {
    /** Schema of the config; it fills in the defaults. */
    schema: lpipsSchema,
    /** Creates the loss of a config, whose weights have yet to be loaded. */
    create: ({ channels }: z.output<typeof lpipsSchema>): LPIPS => new LPIPS({ channels }),
    /** Returns the names and layouts of the variables in the Python package. */
    referenceWeights: (): ReferenceWeight[] => lpipsReferenceWeights(),
  },
};

type Schema = (typeof perceptualLossKinds)[keyof typeof perceptualLossKinds]['schema'];

/** Config of a perceptual loss, as data that JSON holds. */
export type PerceptualLossConfig = z.input<Schema>;

/** Schema of {@link PerceptualLossConfig}; it fills in the defaults. */
export const perceptualLossSchema = z.discriminatedUnion(
  'kind',
  Object.values(perceptualLossKinds).map(({ schema }) => schema) as unknown as readonly [Schema, ...Schema[]],
);

/**
 * Creates the perceptual loss of a config, whose weights have yet to be loaded. Its caller disposes
 * of it.
 * @throws {ConfigError} that lists every problem of the config
 */
export function createPerceptualLoss(config: PerceptualLossConfig): LPIPS {
  const parsed = parseOptions(perceptualLossSchema, config, 'createPerceptualLoss');
  return perceptualLossKinds[parsed.kind].create(parsed);
}
