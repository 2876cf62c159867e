import { describe, expect, it } from 'vitest';
import { canonicalManifest, manifestProblems } from '../src/internal/manifest.js';

const exports = {
  '.': {
    '@vitvq/source': './src/index.ts',
    types: './dist/index.d.ts',
    import: './dist/index.js',
    default: './dist/index.js',
  },
};
const complete = { name: '@vitvq/a', description: 'Parts', keywords: ['a', 'b', 'c'], exports };

describe('canonicalManifest', () => {
  it('orders fields, sorts dependencies and leaves empty ones out', () => {
    const given = {
      dependencies: { b: '1', a: '1' },
      peerDependencies: {},
      version: '1.0.0',
      private: true,
      name: 'x',
    };
    const text = JSON.stringify(canonicalManifest('tools', 'x', given));
    expect(text).toBe(
      '{"name":"x","version":"1.0.0","private":true,"license":"MIT","type":"module","dependencies":{"a":"1","b":"1"}}',
    );
  });

  it('fills in what all published packages share', () => {
    expect(canonicalManifest('packages', 'a', complete)).toMatchObject({
      author: 'vitvq contributors',
      homepage: 'https://github.com/vitvq/vitvq/tree/main/packages/a#readme',
      repository: { directory: 'packages/a' },
      publishConfig: { access: 'public', provenance: true },
    });
  });

  it('changes nothing that is in order', () => {
    const once = canonicalManifest('packages', 'a', complete);
    expect(JSON.stringify(canonicalManifest('packages', 'a', once))).toBe(JSON.stringify(once));
  });
});

describe('manifestProblems', () => {
  it('has nothing to say of a complete one', () => {
    expect(manifestProblems(complete)).toEqual([]);
  });

  it.each([
    ['a description', { description: '' }, 'description is missing'],
    ['keywords', { keywords: ['one'] }, 'keywords: expected three or more'],
    ['the source condition', { exports: { '.': { import: './a.js' } } }, 'exports .: expected @vitvq/source, types'],
    ['known fields only', { main: './a.js' }, 'main is no field'],
  ])('wants %s', (_what, change, problem) => {
    expect(manifestProblems({ ...complete, ...change })).toEqual([expect.stringContaining(problem)]);
  });
});
