import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeEvent, type EventContent } from '../src/internal/event.js';
import { countHistogram, type Histogram } from '../src/internal/histogram.js';
import { RecordFramer } from '../src/internal/record.js';
import { crc32c, readEvents, readRecords } from './read-events.js';

interface Golden {
  /** Records as TensorBoard's own classes write them, base64. */
  readonly file: string;
  /** What TensorFlow makes of the values. */
  readonly histogram: Histogram & { readonly values: number[] };
}
const golden = JSON.parse(readFileSync(new URL('golden/tensorboard.json', import.meta.url), 'utf8')) as Golden;

/** The events of the golden file. */
const png = Uint8Array.from({ length: 40 }, (_, index) => index);
const histogram = { min: -1, max: 2, num: 3, sum: 1.5, sumSquares: 5.25, bucketLimit: [-0.5, 0, 3], bucket: [1, 0, 2] };
const events: [number, number, EventContent][] = [
  [1.5, 0, { kind: 'version' }],
  [2.5, 501, { kind: 'start' }],
  [3.25, 7, { kind: 'scalar', tag: 'loss/total', value: 0.125 }],
  [3.5, 0, { kind: 'scalar', tag: 'zero', value: 0 }],
  [4, 2 ** 40, { kind: 'scalar', tag: 'nan', value: NaN }],
  [5, 0, { kind: 'image', tag: 'image', picture: { width: 3, height: 2, channels: 4, png } }],
  [6, 1, { kind: 'histogram', tag: 'weights', histogram }],
  [7, 1, { kind: 'text', tag: 'text', text: '# größe' }],
];

describe('records', () => {
  it('are byte for byte what TensorBoard writes', async () => {
    const framer = await RecordFramer.create();
    const records = events.map(([wallTime, step, content]) => framer.frame(encodeEvent(wallTime, step, content)));
    expect(Buffer.concat(records).toString('base64')).toBe(golden.file);
  });

  it('carry the checksums of RFC 3720, appendix B.4', async () => {
    const framer = await RecordFramer.create();
    const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
    for (const [bytes, checksum] of [
      [new Uint8Array(32), 0x8a9136aa],
      [new Uint8Array(32).fill(0xff), 0x62a8ab43],
      [ascending, 0x46dd794e],
      [ascending.toReversed(), 0x113fdb5c],
    ] as const) {
      expect(crc32c(bytes)).toBe(checksum);
      const written = new DataView(framer.frame(bytes).buffer).getUint32(12 + 32, true);
      const rotated = (written - 0xa282ead8) >>> 0;
      expect(((rotated << 15) | (rotated >>> 17)) >>> 0).toBe(checksum);
    }
  });

  it('the reader of these tests finds a wrong checksum and an end that is missing', () => {
    const file = Buffer.from(golden.file, 'base64');
    expect(readEvents(file).map(({ tag }) => tag)).toEqual([
      undefined,
      undefined,
      'loss/total',
      'zero',
      'nan',
      'image',
      'weights',
      'text',
    ]);
    expect(readRecords(file.subarray(0, -1))).toMatchObject({ cutShort: true, records: { length: 7 } });
    for (const position of [0, 9, 14]) {
      const damaged = Buffer.from(file);
      damaged[position]! ^= 1;
      expect(() => readRecords(damaged)).toThrow('wrong checksum');
    }
  });
});

describe('histograms', () => {
  it('have the buckets of TensorFlow', () => {
    const { values, ...expected } = golden.histogram;
    const actual = countHistogram(values, 'test');
    expect(actual).toEqual(expected);
  });

  it('count each value where it belongs', () => {
    const values = Float64Array.of(-Number.MAX_VALUE, -1.05, -1e-13, 0, 1e-12, 0.3, 0.3, Number.MAX_VALUE);
    const { bucketLimit, bucket, num } = countHistogram(values, 'test');
    expect(num).toBe(8);
    bucket.forEach((count, index) => {
      const from = bucketLimit[index - 1] ?? -Infinity;
      // The last limit is the largest number there is: it has no bucket above it.
      const to = bucketLimit[index]! === Number.MAX_VALUE ? Infinity : bucketLimit[index]!;
      expect(values.filter((value) => value >= from && value < to).length).toBe(count);
    });
    bucket.slice(1).forEach((count, index) => expect(count + bucket[index]!).toBeGreaterThan(0));
  });

  it('of one value many times have one bucket that is not empty', () => {
    const { bucketLimit, bucket, sum, sumSquares } = countHistogram(new Float32Array(1000).fill(0.5), 'test');
    expect(bucket.filter((count) => count > 0)).toEqual([1000]);
    const at = bucket.indexOf(1000);
    expect(bucketLimit[at]! / bucketLimit[at - 1]!).toBeGreaterThan(1.09);
    expect([sum, sumSquares]).toEqual([500, 250]);
  });

  it('refuse what has no bucket', () => {
    expect(() => countHistogram([1, NaN], 'weights')).toThrow('weights: expected finite values, got NaN at index 1.');
    expect(() => countHistogram([-Infinity], 'weights')).toThrow('got -Infinity at index 0');
    expect(() => countHistogram([], 'weights')).toThrow('weights: expected at least one value, got none.');
  });
});
