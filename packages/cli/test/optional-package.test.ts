import { ConfigError } from '@vitvq/core';
import { expect, it } from 'vitest';
import { loadOptional } from '../src/optional-package.js';

const missing = (name: string): Error =>
  Object.assign(new Error(`Cannot find package '${name}' imported from main.js`), { code: 'ERR_MODULE_NOT_FOUND' });

it('returns the package', async () => {
  expect(await loadOptional('doctor', 'x', () => Promise.resolve(7))).toBe(7);
});

it('says how to install a package that is missing', async () => {
  const loading = loadOptional('export', '@vitvq/export', () => Promise.reject(missing('@vitvq/export')));
  await expect(loading).rejects.toThrow(ConfigError);
  await expect(loading).rejects.toThrow(
    /Run "npm install --ignore-scripts @vitvq\/export", or "npx --ignore-scripts -p @vitvq\/cli/,
  );
});

it('leaves other failures alone, such as a package that the optional one misses', async () => {
  const other = missing('protobufjs');
  await expect(loadOptional('export', '@vitvq/export', () => Promise.reject(other))).rejects.toBe(other);
});
