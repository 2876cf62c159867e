import { describe, expect, it } from 'vitest';
import { mergeConfigs } from '../src/index.js';

describe('mergeConfigs', () => {
  it('merges objects, and replaces everything else', () => {
    const base = { a: { b: 1, c: [1, 2] }, d: 'x' };
    expect(mergeConfigs(base, { a: { c: [3] }, e: null })).toEqual({ a: { b: 1, c: [3] }, d: 'x', e: null });
    expect(mergeConfigs(base, { a: {} })).toEqual(base);
    expect(mergeConfigs(base, { a: null })).toEqual({ a: null, d: 'x' });
  });

  it('replaces an object of another kind, whose fields mean nothing to the new one', () => {
    const base = { train: { kind: 'cifar10', split: 'train' } };
    expect(mergeConfigs(base, { train: { kind: 'folder', path: 'p' } })).toEqual({
      train: { kind: 'folder', path: 'p' },
    });
    expect(mergeConfigs(base, { train: { kind: 'cifar10', limit: 3 } })).toEqual({
      train: { kind: 'cifar10', split: 'train', limit: 3 },
    });
    const model = { tokenizer: { model: { architecture: 'vit', patchSize: 4 } } };
    const cnn = { tokenizer: { model: { architecture: 'cnn' } } };
    expect(mergeConfigs(model, cnn)).toEqual(cnn);
  });

  it('replaces a tokenizer that is trained by one that exists, and the other way round', () => {
    const trained = { tokenizer: { model: { imageSize: 32 }, training: {} } };
    const existing = { tokenizer: { from: 'owner/name' } };
    expect(mergeConfigs(trained, existing)).toEqual(existing);
    expect(mergeConfigs(existing, trained)).toEqual(trained);
  });

  it.each([
    [{ steps: 5 }, { minutes: 1 }],
    [{ step: 5 }, { fraction: 0.5 }],
    [{ everySteps: 5 }, { everySeconds: 1 }],
  ])('lets one alternative take the place of the other: %j, %j', (one, other) => {
    expect(mergeConfigs({ at: one }, { at: other })).toEqual({ at: other });
    expect(mergeConfigs({ at: other }, { at: one })).toEqual({ at: one });
  });
});
