import '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useEngine } from '@vitvq/engine';
import { brightnessTokenizer, tinyImageBatches } from '@vitvq/test-models';
import { CodeConditioner } from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

describe('CodeConditioner', () => {
  it('gives tokens of its vocabulary, none of them null, for images that are not padding', async () => {
    const conditioner = new CodeConditioner({ tokenizer: brightnessTokenizer() });
    const tokens = await conditioner.ofBatch(await tinyImageBatches(2).next());
    expect(tokens).toHaveLength(2 * conditioner.length);
    expect(Math.min(...tokens)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...tokens)).toBeLessThan(conditioner.vocabSize - 1);
    expect([...conditioner.nullTokens]).toEqual(new Array(conditioner.length).fill(conditioner.vocabSize - 1));
    expect(JSON.parse(JSON.stringify(conditioner.description))).toEqual(conditioner.description);
    conditioner.dispose();
  });

  it('encodes other images than those that are learned, and such in low resolution', async () => {
    const batch = await tinyImageBatches(0).next();
    const grey = { data: new Float32Array(4 * 8 * 12 * 3).fill(0.5), shape: [4, 8, 12, 3] as const };
    const low = new CodeConditioner({ tokenizer: brightnessTokenizer(), reduceBy: 2 });
    expect([...(await low.ofBatch({ ...batch, conditionImages: grey }))]).toEqual(new Array(24).fill(3));
    // One bright pixel of four, in the last patch of the last image.
    grey.data.set([1, 1, 1], grey.data.length - 3);
    const tokens = await low.encode(grey);
    expect([...tokens.slice(-2)]).toEqual([3, 3]);
    const [first] = await low.encode({ data: new Float32Array(4 * 8 * 12 * 3).fill(0.99), shape: [4, 8, 12, 3] });
    expect(first).toBe(5);
    low.dispose();
  });

  it('refuses what does not fit', async () => {
    const batch = await tinyImageBatches(0).next();
    const conditioner = new CodeConditioner({ tokenizer: brightnessTokenizer(), reduceBy: 5 });
    await expect(conditioner.ofBatch(batch)).rejects.toThrow(/height and width that 5 divides, got \[4, 4, 6, 3\]/);
    const silent = { ...brightnessTokenizer({ codeDepth: 2 }), codeDepth: undefined };
    const unsaid = new CodeConditioner({ tokenizer: silent });
    expect(new CodeConditioner({ tokenizer: brightnessTokenizer({ codeDepth: 2 }) }).length).toBe(12);
    await expect(unsaid.ofBatch(batch)).rejects.toThrow(/6 condition tokens an image, got codes \[4, 6, 2\]/);
    await expect(unsaid.ofBatch({ tokens: new Int32Array(6), shape: [1, 6] })).rejects.toThrow(/encodeToShards/);
    const two = { data: new Float32Array(2 * 4 * 6 * 3), shape: [2, 4, 6, 3] as const };
    await expect(unsaid.ofBatch({ ...batch, conditionImages: two })).rejects.toThrow(/conditionImages for 4 images/);
  });
});
