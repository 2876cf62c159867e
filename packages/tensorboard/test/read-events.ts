/**
 * A reader of event files, written from the definition of the formats alone (TFRecord, protocol
 * buffers' wire format, event.proto) and sharing nothing with the writer, its libraries included.
 */

/** Fields of a message: number to values; nested messages stay bytes. */
type Fields = Map<number, (bigint | Uint8Array)[]>;

export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion?: string;
  readonly start?: boolean;
  readonly tag?: string;
  readonly scalar?: number;
  readonly image?: { height: number; width: number; channels: number; png: Uint8Array };
  readonly histogram?: {
    min: number;
    max: number;
    num: number;
    sum: number;
    sumSquares: number;
    bucketLimit: number[];
    bucket: number[];
  };
  readonly text?: string;
  readonly plugin?: string;
}

/** CRC-32C, bit by bit. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Records up to the end or to one that is cut short; a wrong checksum is an error. */
export function readRecords(bytes: Uint8Array): { records: Uint8Array[]; cutShort: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: Uint8Array[] = [];
  let position = 0;
  while (position < bytes.length) {
    if (position + 12 > bytes.length) return { records, cutShort: true };
    const length = Number(view.getBigUint64(position, true));
    if (view.getUint32(position + 8, true) !== masked(bytes.subarray(position, position + 8))) {
      throw new Error(`wrong checksum of the length at ${position}`);
    }
    const end = position + 12 + length;
    if (end + 4 > bytes.length) return { records, cutShort: true };
    const data = bytes.subarray(position + 12, end);
    if (view.getUint32(end, true) !== masked(data)) throw new Error(`wrong checksum of the record at ${position}`);
    records.push(data);
    position = end + 4;
  }
  return { records, cutShort: false };
}

function parse(bytes: Uint8Array): Fields {
  const fields: Fields = new Map();
  let position = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[position++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (position < bytes.length) {
    const key = Number(varint());
    const type = key & 7;
    let value: bigint | Uint8Array;
    if (type === 0) value = varint();
    else {
      const length = type === 1 ? 8 : type === 5 ? 4 : type === 2 ? Number(varint()) : NaN;
      if (!(position + length <= bytes.length))
        throw new Error(`field ${key >> 3} of wire type ${type} goes beyond the end`);
      value = bytes.subarray(position, (position += length));
    }
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

const bytesAt = (fields: Fields, id: number): Uint8Array | undefined => fields.get(id)?.[0] as Uint8Array | undefined;
const textAt = (fields: Fields, id: number): string | undefined => {
  const bytes = bytesAt(fields, id);
  return bytes && new TextDecoder('utf-8', { fatal: true }).decode(bytes);
};
const integerAt = (fields: Fields, id: number): number => Number((fields.get(id)?.[0] as bigint | undefined) ?? 0n);
const messageAt = (fields: Fields, id: number): Fields | undefined => {
  const bytes = bytesAt(fields, id);
  return bytes && parse(bytes);
};
const doubles = (bytes: Uint8Array = new Uint8Array()): number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, index) => view.getFloat64(index * 8, true));
};

function readEvent(bytes: Uint8Array): ReadEvent {
  const event = parse(bytes);
  const session = messageAt(event, 7);
  const summary = messageAt(event, 5);
  return {
    wallTime: doubles(bytesAt(event, 1))[0]!,
    step: integerAt(event, 2),
    ...(event.has(3) && { fileVersion: textAt(event, 3) }),
    ...(session && { start: integerAt(session, 1) === 1 }),
    ...(summary && readValue(messageAt(summary, 1)!)),
  };
}

function readValue(value: Fields): Omit<ReadEvent, 'wallTime' | 'step'> {
  const float = bytesAt(value, 2);
  const image = messageAt(value, 4);
  const histogram = messageAt(value, 5);
  const tensor = messageAt(value, 8);
  const metadata = messageAt(value, 9);
  return {
    tag: textAt(value, 1),
    ...(float && { scalar: new DataView(float.buffer, float.byteOffset).getFloat32(0, true) }),
    ...(image && {
      image: {
        height: integerAt(image, 1),
        width: integerAt(image, 2),
        channels: integerAt(image, 3),
        png: bytesAt(image, 4)!,
      },
    }),
    ...(histogram && {
      histogram: {
        min: doubles(bytesAt(histogram, 1))[0] ?? 0,
        max: doubles(bytesAt(histogram, 2))[0] ?? 0,
        num: doubles(bytesAt(histogram, 3))[0] ?? 0,
        sum: doubles(bytesAt(histogram, 4))[0] ?? 0,
        sumSquares: doubles(bytesAt(histogram, 5))[0] ?? 0,
        bucketLimit: doubles(bytesAt(histogram, 6)),
        bucket: doubles(bytesAt(histogram, 7)),
      },
    }),
    // A string tensor: dtype 7 with one value.
    ...(tensor && integerAt(tensor, 1) === 7 && { text: textAt(tensor, 8) }),
    ...(metadata && { plugin: textAt(messageAt(metadata, 1)!, 1) }),
  };
}

export function readEvents(bytes: Uint8Array): ReadEvent[] {
  return readRecords(bytes).records.map(readEvent);
}
