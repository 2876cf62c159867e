import { randomKey, type HostImages } from '@vitvq/core';
import { createBatches, readImages } from '@vitvq/data';
import { describe, expect, it } from 'vitest';
import { agreement, meanColorsOf, partsOfImages, partsOfMaps } from '../src/parts-of-pixels.js';
import { layOut, PART_NAMES, paintScene, paintScenes, SCENE_CLASSES, type Part } from '../src/scenes.js';

const size = 16;
const count = (parts: Uint8Array, name: Part): number =>
  parts.filter((part) => part === PART_NAMES.indexOf(name)).length;

describe('layOut', () => {
  it('has sky above, ground below, and what the kind of the scene says', () => {
    for (let seed = 0; seed < 20; seed++) {
      const [house, lake, wood] = SCENE_CLASSES.map((kind) => layOut(size, kind, randomKey(seed)));
      for (const parts of [house!, lake!, wood!]) {
        expect(['sky', 'sun', 'hill']).toContain(PART_NAMES[parts[0]!]);
        expect(count(parts, 'sky') + count(parts, 'ground')).toBeGreaterThan(0.2 * parts.length);
      }
      expect(count(house!, 'wall')).toBeGreaterThan(0);
      expect(count(lake!, 'water')).toBeGreaterThan(0);
      expect(count(wood!, 'tree')).toBeGreaterThan(0);
      expect(count(wood!, 'wall') + count(wood!, 'water')).toBe(0);
    }
  });
});

describe('paintScenes', () => {
  it('paints a scene by its number alone, with its exact map', async () => {
    const all = paintScenes({ from: 5, count: 3, size });
    const one = paintScenes({ from: 6, count: 1, size });
    expect(all.images.classNames).toEqual(SCENE_CLASSES);
    for (const source of ['images', 'maps'] as const) {
      expect(await one[source].read(0)).toEqual(await all[source].read(1));
    }
    const [images, maps] = await Promise.all(
      [all.images, all.maps].map((source) => readImages(source, { imageSize: size })),
    );
    const parts = partsOfMaps(maps!);
    expect(agreement(partsOfImages(images!, meanColorsOf(images!, parts)), parts)).toBeGreaterThan(0.9);
  });

  it('keeps image and map together when both are mirrored', async () => {
    const { images, maps } = paintScenes({ from: 0, count: 4, size });
    const batches = createBatches(images, {
      ...{ batchSize: 4, imageSize: size, flip: true, key: randomKey(1), epochs: 1 },
      conditionSource: maps,
    });
    const batch = await batches.next();
    await batches.close();
    const shape = batch.shape as HostImages['shape'];
    const parts = partsOfMaps(batch.conditionImages!);
    const shown = { data: batch.images, shape };
    expect(agreement(partsOfImages(shown, meanColorsOf(shown, parts)), parts)).toBeGreaterThan(0.9);
  });
});

describe('paintScene', () => {
  it('gives the same parts other colours in another scene', () => {
    const parts = layOut(size, 'lake', randomKey(1));
    expect(paintScene(parts, size, randomKey(2))).toEqual(paintScene(parts, size, randomKey(2)));
    expect(paintScene(parts, size, randomKey(3))).not.toEqual(paintScene(parts, size, randomKey(2)));
  });
});

describe('parts of pixels', () => {
  it('are those of the nearest colour', () => {
    const images: HostImages = { data: Float32Array.of(0.1, 0.1, 0.9, 0.9, 0.1, 0.1), shape: [1, 1, 2, 3] };
    const parts = partsOfMaps(images);
    expect([...parts].map((part) => PART_NAMES[part])).toEqual(['sky', 'roof']);
    const colors = meanColorsOf(images, parts);
    expect(colors[PART_NAMES.indexOf('sky')]).toEqual(
      [0.1, 0.1, 0.9].map((value) => expect.closeTo(value, 5) as number),
    );
    expect(agreement(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(0.5);
  });
});
