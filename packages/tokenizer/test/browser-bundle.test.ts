import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

describe('the main entry', () => {
  it('bundles for browsers, without modules of Node and without what only training takes', async () => {
    const { errors, metafile } = await build({
      entryPoints: [fileURLToPath(new URL('../src/index.ts', import.meta.url))],
      absWorkingDir: fileURLToPath(new URL('../../..', import.meta.url)),
      bundle: true,
      platform: 'browser',
      conditions: ['@vitvq/source'],
      format: 'esm',
      metafile: true,
      write: false,
      logLevel: 'silent',
    });
    expect(errors).toEqual([]);
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.some((path) => path.endsWith('tokenizer/src/vq-tokenizer.ts'))).toBe(true);
    const trainingOnly =
      /packages\/(training|engine|checkpoint|stage1-trainer)\/|node_modules\/(sharp|tensorboard)|^node:/;
    expect(inputs.filter((path) => trainingOnly.test(path))).toEqual([]);
    const external = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
    expect(external).toEqual([]);
  });
});
