import { DataError, foldIn, randomBits, randomKey } from '@vitvq/core';
import { expect, it } from 'vitest';
import { openImageFolder, readImages, type SkippedImage } from '../src/index.js';
import { folderOf, gradient } from './images.js';

/** `VITVQ_FUZZ=100 npx vitest run test/fuzz` tries a hundred times as many. */
const rounds = 6 * Number(process.env.VITVQ_FUZZ ?? 1);
const filesARound = 200;

/**
 * One to three changes: a byte, a bit, a piece removed or doubled, a large number in the place of
 * four bytes, the end.
 */
function damaged(original: Uint8Array, random: Uint32Array): Uint8Array {
  let bytes = original;
  let next = 0;
  const draw = (below: number): number => random[next++]! % below;
  const changes = 1 + draw(3);
  for (let change = 0; change < changes && bytes.length > 4; change++) {
    const kind = draw(6);
    const at = draw(bytes.length - 4);
    const length = 1 + draw(16);
    const [head, rest] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (kind === 0) bytes = Buffer.concat([head, Uint8Array.of(draw(256)), rest.subarray(1)]);
    else if (kind === 1) bytes = Buffer.concat([head, Uint8Array.of(rest[0]! ^ (1 << draw(8))), rest.subarray(1)]);
    else if (kind === 2) bytes = Buffer.concat([head, rest.subarray(length)]);
    else if (kind === 3) bytes = Buffer.concat([head, rest.subarray(0, length), rest]);
    else if (kind === 4) bytes = Buffer.concat([head, Uint8Array.of(0x7f, 0xff, 0xff, draw(256)), rest.subarray(4)]);
    else bytes = head;
  }
  return bytes;
}

it('damaged images are left out or fill their place, and the rest is read', async () => {
  const picture = gradient(24, 20, 1);
  const header = Buffer.alloc(54);
  for (const [at, value] of [
    [0, 0x4d42],
    [10, 54],
    [14, 40],
    [18, 24],
    [22, 20],
    [26, 1],
    [28, 24],
  ] as const) {
    header.writeUInt16LE(value, at);
  }
  const bitmap = Buffer.concat([header, await picture.clone().raw().toBuffer()]);
  const originals = [
    ['png', await picture.clone().png().toBuffer()],
    ['png', await picture.clone().png({ palette: true }).toBuffer()],
    ['jpg', await picture.clone().jpeg().toBuffer()],
    ['jpg', await picture.clone().jpeg({ progressive: true }).toBuffer()],
    ['webp', await picture.clone().webp().toBuffer()],
    ['webp', await picture.clone().webp({ lossless: true }).toBuffer()],
    ['gif', await picture.clone().gif().toBuffer()],
    ['tif', await picture.clone().tiff({ compression: 'lzw' }).toBuffer()],
    ['avif', await picture.clone().avif({ effort: 0 }).toBuffer()],
    ['bmp', bitmap],
  ] as const;
  let kept = 0;
  let left = 0;
  for (let round = 0; round < rounds; round++) {
    const files: Record<string, Uint8Array> = { 'intact.png': originals[0][1] };
    for (let file = 0; file < filesARound; file++) {
      const [extension, original] = originals[file % originals.length]!;
      const random = randomBits(foldIn(foldIn(randomKey(17), round), file), 32);
      files[`${file}.${extension}`] = damaged(original, random);
    }
    const skipped: SkippedImage[] = [];
    const onSkip = (image: SkippedImage): void => void skipped.push(image);
    // Small enough that no declared size can fill the memory.
    const source = await openImageFolder(await folderOf(files), { onSkip, maximumPixels: 1e6 });
    const { data, shape } = await readImages(source, { imageSize: 16, workers: 0, onSkip });
    expect(shape.slice(1)).toEqual([16, 16, 3]);
    expect(data).toHaveLength(shape.reduce((product, size) => product * size));
    expect(data.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(shape[0] + skipped.length).toBe(filesARound + 1);
    for (const { name, reason } of skipped) {
      expect(name).not.toContain('intact');
      expect(reason.length).toBeGreaterThan(5);
    }
    kept += shape[0];
    left += skipped.length;
  }
  // Both happen.
  expect(kept).toBeGreaterThan(rounds);
  expect(left).toBeGreaterThan(rounds);
});

it('a folder of damaged images alone is refused', async () => {
  const { length } = await gradient(8, 8).png().toBuffer();
  await expect(openImageFolder(await folderOf({ 'a.png': new Uint8Array(length) }))).rejects.toThrow(DataError);
});
