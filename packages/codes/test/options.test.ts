import { ConfigError } from '@vitvq/core';
import { expect, it } from 'vitest';
import { CodeConditioner, encodeToShards } from '../src/index.js';

const factories: readonly (readonly [name: string, create: (options: never) => unknown, option: string])[] = [
  ['CodeConditioner', (options) => new CodeConditioner(options), 'reduceBy'],
  ['encodeToShards', (options) => encodeToShards(options), 'batchesPerShard'],
];

it.each(factories)('%s refuses missing and misspelt options', async (_name, create, option) => {
  const call = async (options: unknown): Promise<unknown> => create(options as never);
  for (const options of [undefined, null, {}, 'text']) await expect(call(options)).rejects.toThrow(ConfigError);
  const slip = `${option}_`;
  await expect(call({ [slip]: 1 })).rejects.toThrow(`unknown option "${slip}" (did you mean "${option}"?)`);
});
