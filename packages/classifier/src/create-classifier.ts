import { checkOptions, parseOptions, randomKey, type OptionTable } from '@vitvq/core';
import { z } from 'zod';
import { ViTClassifier } from './vit-classifier.js';
import type { ViTClassifierConfig } from './vit-classifier-config.js';

interface CreateClassifierOptions {
  readonly seed: number;
}

const createClassifierOptionNames: OptionTable<CreateClassifierOptions> = { seed: 'required' };
const seedSchema = z.strictObject({ seed: z.int().min(0) });

/**
 * Builds the classifier of a config.
 * @param options  `seed`: an integer in [0, 2^53), of which the initial weights are a function
 * @throws {ConfigError} naming every problem of the config at once
 */
export function createClassifier(config: ViTClassifierConfig, options: { readonly seed: number }): ViTClassifier {
  const where = 'createClassifier';
  checkOptions(options, createClassifierOptionNames, where);
  const { seed } = parseOptions(seedSchema, options, where);
  return new ViTClassifier(config, randomKey(seed), where);
}
