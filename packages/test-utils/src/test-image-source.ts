import { randomKey, toSize2D, type ImageSource, type RandomKey, type SourceImage } from '@vitvq/core';
import { describe, expect, it } from 'vitest';

/** A batch as the contract looks at it. */
interface Batch {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly indices: Int32Array;
  readonly shape: readonly number[];
}

/** A stream of batches as the contract looks at it. */
interface Stream {
  readonly fingerprint: string;
  next(): Promise<Batch>;
  close(): Promise<void>;
}

interface BatchRequest {
  readonly batchSize: number;
  readonly imageSize: number;
  readonly crop?: 'random';
  readonly flip?: boolean;
  readonly shuffle?: boolean;
  readonly key?: RandomKey;
  readonly startAt?: number;
  readonly workers: number;
}

/** The source that the contract test runs on. */
export interface ImageSourceContract {
  readonly name: string;
  /** Opens the source; the same images every time. All of them are usable. */
  readonly create: () => ImageSource | Promise<ImageSource>;
  /**
   * `createBatches` of `@vitvq/data`, which this package cannot import, because the tests of that
   * package import this one.
   */
  readonly createBatches: (source: ImageSource, options: BatchRequest) => Stream;
}

/** Registers the tests that every `ImageSource` must pass. */
export function testImageSource(contract: ImageSourceContract): void {
  describe(`${contract.name} keeps the contract of an image source`, () => {
    testDescription(contract);
    testReading(contract);
    testBatches(contract);
  });
}

function testDescription({ create }: ImageSourceContract): void {
  it('says what it is', async () => {
    const { length, labels, classNames, channels = 3 } = await create();
    expect(length).toBeGreaterThanOrEqual(1);
    expect(Number.isInteger(length) && Number.isInteger(channels)).toBe(true);
    if (labels) {
      expect(labels).toHaveLength(length);
      const limit = Math.max(1, classNames?.length ?? Infinity);
      const wrong = Array.from(labels).filter((label) => !Number.isInteger(label) || label < 0 || label >= limit);
      expect(wrong).toEqual([]);
    }
  });

  it('has the same identity whenever it is opened', async () => {
    const { identity } = await create();
    expect((await create()).identity).toBe(identity);
    expect(identity).not.toBe('');
  });

  it('gives each image a name of its own, where it names them', async () => {
    const source = await create();
    if (!source.nameOf) return;
    const names = positionsOf(source).map((index) => source.nameOf!(index));
    expect(new Set(names).size).toBe(source.length);
  });
}

function testReading({ create }: ImageSourceContract): void {
  it('reads every image as a file, as bytes or as pixels of the size that it states', async () => {
    const source = await create();
    const { channels = 3, imageSize } = source;
    for (const index of positionsOf(source)) {
      const image = await source.read(index);
      if (!('pixels' in image)) {
        expect(channels).toBe(3);
        expect('file' in image ? image.file : image.bytes).not.toHaveLength(0);
        continue;
      }
      expect(image.pixels).toBeInstanceOf(Uint8Array);
      expect(image.pixels).toHaveLength(image.height * image.width * channels);
      if (imageSize !== undefined) expect([image.height, image.width]).toEqual(toSize2D(imageSize));
    }
  });

  it('reads the same images again, in another order and side by side', async () => {
    const source = await create();
    const once: SourceImage[] = [];
    for (const index of positionsOf(source)) once.push(structuredClone(await source.read(index)));
    const backwards = positionsOf(source).reverse();
    const again = await Promise.all(backwards.map(async (index) => source.read(index)));
    // Cloned too, because a clone of a Buffer is a Uint8Array.
    expect(structuredClone(again.reverse())).toEqual(once);
  });
}

function testBatches({ create, createBatches }: ImageSourceContract): void {
  const take = async (options: BatchRequest, count: number): Promise<Batch[]> => {
    const stream = createBatches(await create(), options);
    try {
      const batches: Batch[] = [];
      for (let batch = 0; batch < count; batch++) batches.push(await stream.next());
      return batches;
    } finally {
      await stream.close();
    }
  };

  it('becomes batches in its own order, with its labels', async () => {
    const { length, labels, channels = 3 } = await create();
    const [batch] = await take({ batchSize: length, imageSize: 8, workers: 0 }, 1);
    expect(batch!.shape).toEqual([length, 8, 8, channels]);
    expect([...batch!.indices]).toEqual(Array.from({ length }, (_, index) => index));
    expect([...batch!.labels]).toEqual(Array.from({ length }, (_, index) => labels?.[index] ?? 0));
    expect(batch!.images).toHaveLength(length * 64 * channels);
    expect(batch!.images.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  it('gives the same batches with threads and without, and goes on where it stopped', async () => {
    const options = {
      batchSize: 1,
      imageSize: 8,
      crop: 'random',
      flip: true,
      shuffle: true,
      key: randomKey(5),
    } as const;
    const here = await take({ ...options, workers: 0 }, 5);
    expect(await take({ ...options, workers: 2 }, 5)).toEqual(here);
    expect(await take({ ...options, workers: 0, startAt: 3 }, 2)).toEqual(here.slice(3));
  });

  it('has the same fingerprint whenever it is opened', async () => {
    const fingerprintOf = async (batchSize: number): Promise<string> => {
      const stream = createBatches(await create(), { batchSize, imageSize: 8, workers: 0 });
      await stream.close();
      return stream.fingerprint;
    };
    const fingerprint = await fingerprintOf(1);
    expect(await fingerprintOf(1)).toBe(fingerprint);
    const { length } = await create();
    if (length > 1) expect(await fingerprintOf(length)).not.toBe(fingerprint);
  });
}

function positionsOf({ length }: ImageSource): number[] {
  return Array.from({ length }, (_, index) => index);
}
