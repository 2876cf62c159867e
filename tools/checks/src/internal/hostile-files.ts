import { createHash } from 'node:crypto';
import { mkdir, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { writeSafetensors } from '@vitvq/checkpoint';
import type { HostTensor } from '@vitvq/core';
import type { ReaderName } from './hostile-readers.js';

/** Most seconds and most resident megabytes that SECURITY.md allows a file. */
export interface Bound {
  readonly seconds: number;
  readonly megabytes: number;
}

/** A file that costs its reader as much as one of its size can. */
export interface HostileFile {
  readonly format: string;
  /** What is in it. */
  readonly content: string;
  readonly reader: ReaderName;
  readonly bound: Bound;
  /**
   * Writes the file, or a folder, and returns its path; the same bytes for the same arguments.
   * @param bytes  size that the file, or what it unpacks to, is to have
   */
  make(folder: string, bytes: number): Promise<string>;
}

const usual: Bound = { seconds: 8, megabytes: 1000 };
const entries: Bound = { seconds: 15, megabytes: 1500 };
const pixels: Bound = { seconds: 15, megabytes: 2000 };

/** Repeats a piece until it has `bytes` bytes, not more. */
const filled = (piece: string, bytes: number): Buffer =>
  Buffer.alloc(Math.floor(bytes / piece.length) * piece.length, piece, 'latin1');
const count = (most: number, bytes: number, each: number): number => Math.min(most, Math.floor(bytes / each));

async function file(folder: string, name: string, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(
    path,
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))),
  );
  return path;
}

function little(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer.subarray(0, bytes);
}

const safetensors = (folder: string, header: Uint8Array): Promise<string> =>
  file(folder, 'x.safetensors', little(header.length, 8), header);

const listed = (length: number, item: (index: number) => string): Buffer =>
  Buffer.from(Array.from({ length }, (_, index) => item(index)).join(','));

/** A prime, by whose multiples the entries of an archive are in another order. */
const scattering = 7919;

/** An archive as `torch.save` writes it, of which the pickle is deflated. */
async function pyTorch(folder: string, pickle: Uint8Array, empty = 0): Promise<string> {
  const names = ['a/data.pkl', ...Array.from({ length: empty }, (_, index) => `a/${index}`)];
  const deflated = deflateRawSync(pickle, { level: 6 });
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const [index, name] of names.entries()) {
    const content = index === 0 ? deflated : Buffer.alloc(0);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(index === 0 ? 8 : 0, 4);
    fields.writeUInt32LE(content.length, 14);
    fields.writeUInt32LE(index === 0 ? pickle.length : 0, 18);
    fields.writeUInt16LE(name.length, 22);
    const record = Buffer.alloc(46);
    record.write('PK\x01\x02', 'latin1');
    fields.copy(record, 6);
    record.writeUInt32LE(position, 42);
    directory.push(Buffer.concat([record, Buffer.from(name)]));
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), content);
    position += 30 + name.length + content.length;
  }
  // Far from each other, so that a reader of neighbours gains nothing.
  const records = Buffer.concat(directory.map((_, index) => directory[(index * scattering) % names.length]!));
  // The directory of zip64, because the older one counts to 65,535.
  const end = Buffer.concat([
    Buffer.from('PK\x06\x06', 'latin1'),
    little(44, 8),
    little(45, 2),
    little(45, 2),
    little(0, 8),
    little(names.length, 8),
    little(names.length, 8),
    little(records.length, 8),
    little(position, 8),
    Buffer.from('PK\x06\x07', 'latin1'),
    little(0, 4),
    little(position + records.length, 8),
    little(1, 4),
    Buffer.from('PK\x05\x06', 'latin1'),
    Buffer.alloc(4),
    Buffer.alloc(12, 0xff),
    Buffer.alloc(2),
  ]);
  return file(folder, 'x.pt', Buffer.concat(parts), records, end);
}

/** A pickle that begins, goes on with the same piece again and again, and ends. */
const pickled = (content: string, begin: string, piece: string, end: string): HostileFile => ({
  format: 'PyTorch',
  content,
  reader: 'pytorch',
  bound: usual,
  make: (folder, bytes) => {
    const [first, last] = [`\x80\x02${begin}`, `${end}.`].map((part) => Buffer.from(part, 'latin1')) as [
      Buffer,
      Buffer,
    ];
    return pyTorch(folder, Buffer.concat([first, filled(piece, bytes - first.length - last.length), last]));
  },
});

/** A file of PyTorch before 1.6 with as many empty storages as fit. */
function legacy(folder: string, bytes: number): Promise<string> {
  const storages = count(200_000, bytes, 40);
  const text = (value: string): string => `X${little(value.length, 4).toString('latin1')}${value}`;
  const keys = Array.from({ length: storages }, (_, index) => text(String(index)));
  const begin = `${text('storage')}q\x00ctorch\nFloatStorage\nq\x01${text('cpu')}q\x02`;
  const value = `\x80\x02${begin}${keys.map((key) => `(h\x00h\x01${key}h\x02K\x00tQ0`).join('')}}.`;
  const head = [
    '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.',
    '\x80\x02M\xe9\x03.',
    `\x80\x02}(${text('little_endian')}\x88u.`,
    value,
    `\x80\x02](${keys.join('')}e.`,
  ];
  return file(folder, 'x.pt', ...head, Buffer.alloc(8 * storages));
}

const tokenizer = (model: Buffer, rest = ''): Buffer[] => [
  Buffer.from(
    `{"version":"1.0","added_tokens":[],"normalizer":null,"post_processor":null,"decoder":null,${rest || '"pre_tokenizer":null,'}"model":`,
  ),
  model,
  Buffer.from('}'),
];

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeInt32BE(checksumOf(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** CRC-32, which PNG puts behind every chunk. */
function checksumOf(bytes: Uint8Array): number {
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum;
}

/** Distances of the rows and columns of each pass of an interlaced PNG. */
const interlacing = [
  [8, 8],
  [8, 8],
  [8, 4],
  [4, 4],
  [4, 2],
  [2, 2],
  [2, 1],
] as const;

const png = async (
  folder: string,
  side: number,
  { depth = 8, isInterlaced = false, note = Buffer.alloc(0) } = {},
): Promise<string> => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = depth;
  header[9] = 6; // red, green, blue, alpha
  header[12] = Number(isInterlaced);
  const passes = isInterlaced ? interlacing : [[1, 1] as const];
  const sizes = passes.map(([high, wide]) => (side / high) * (1 + ((side / wide) * 4 * depth) / 8));
  const rows = Buffer.alloc(sizes.reduce((sum, size) => sum + size, 0));
  const parts = [
    chunk('IHDR', header),
    ...(note.length ? [chunk('zTXt', note)] : []),
    chunk('IDAT', deflateSync(rows, { level: 1 })),
  ];
  await mkdir(join(folder, 'images'));
  await file(folder, join('images', 'x.png'), '\x89PNG\r\n\x1a\n', ...parts, chunk('IEND', Buffer.alloc(0)));
  return join(folder, 'images');
};

/** Width and height of an image of as many pixels as are accepted, 100 million for 64 MiB. */
const sideFor = (bytes: number): number => 8 * Math.floor(Math.sqrt((1e8 * bytes) / 2 ** 26) / 8);

/** A folder of one shard of codes with a right checksum. */
async function codes(folder: string, rows: number, more: object = {}): Promise<string> {
  const configuration = JSON.stringify({
    vocabSize: 2,
    grid: [1, 1],
    codeDepth: 1,
    views: 1,
    batchSize: 1,
    batchesPerView: 1,
    batchesPerShard: 1,
    conditioner: null,
    source: null,
    ...more,
  });
  const indices = Int32Array.from({ length: rows }, (_, index) => rows - index);
  const tensors = new Map<string, HostTensor>([
    ['tokens', { shape: [rows, 1], data: new Int32Array(rows) }],
    ['indices', { shape: [rows], data: indices }],
  ]);
  const hash = createHash('sha256').update(configuration);
  for (const [name, { shape, data }] of tensors) {
    hash.update(JSON.stringify([name, shape])).update(new Uint8Array(data.buffer));
  }
  await writeSafetensors(join(folder, 'codes-000-00000.safetensors'), tensors, {
    format: 'vitvq-codes/1',
    configuration,
    sha256: hash.digest('hex'),
  });
  return folder;
}

/** Files of each format that is read, the worst that are known. */
export const hostileFiles: readonly HostileFile[] = [
  {
    format: 'safetensors',
    content: '250,000 tensors with long names',
    reader: 'safetensors',
    bound: usual,
    make: (folder, bytes) => {
      const names = count(249_999, bytes, 256);
      const entry = (index: number): string =>
        `"${String(index).padStart(200, 'x')}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`;
      return safetensors(folder, Buffer.from(`{${listed(names, entry).toString()}}`));
    },
  },
  {
    format: 'safetensors',
    content: '4 million lists',
    reader: 'safetensors',
    bound: usual,
    make: (folder, bytes) =>
      safetensors(folder, Buffer.from(`{"x":[${listed(count(1_999_000, bytes, 3), () => '[]').toString()}]}`)),
  },
  {
    format: 'safetensors',
    content: 'one value of escapes',
    reader: 'safetensors',
    bound: usual,
    make: (folder, bytes) =>
      safetensors(
        folder,
        Buffer.concat([Buffer.from('{"__metadata__":{"x":"'), filled('\\u4e00', bytes), Buffer.from('"}}')]),
      ),
  },
  {
    format: 'safetensors',
    content: 'strings without commas',
    reader: 'safetensors',
    bound: usual,
    make: (folder, bytes) =>
      safetensors(folder, Buffer.concat([Buffer.from('{'), filled('"" ', bytes), Buffer.from('}')])),
  },
  {
    format: 'index of shards',
    content: '1 million names',
    reader: 'index',
    bound: usual,
    make: (folder, bytes) => {
      const entry = (index: number): string => `"${String(index).padStart(30, 'x')}":"${String(index)}.safetensors"`;
      const names = listed(count(999_998, bytes, 60), entry);
      return file(folder, 'x.safetensors.index.json', '{"weight_map":{', names, '}}');
    },
  },
  {
    format: 'config.json',
    content: 'objects with other names each',
    reader: 'model',
    bound: usual,
    make: async (folder, bytes) => {
      const objects = listed(count(990_000, bytes / 2, 30), (index) => `{"${String(index).padStart(20, 'x')}":{}}`);
      await file(folder, 'config.json', '{"type":"x","config":[', objects, ']}');
      await safetensors(folder, Buffer.from('{}'));
      await file(folder, 'model.safetensors', little(2, 8), '{}');
      return folder;
    },
  },
  {
    format: 'training checkpoint',
    content: 'a state of lists',
    reader: 'checkpoint',
    bound: usual,
    make: (folder, bytes) => {
      const state = `[${'[],'.repeat(Math.floor(bytes / 3))}[]]`;
      const head = `${JSON.stringify(['training-checkpoint/2', 0, state, []])}\n`;
      const metadata = {
        'vitvq.sha256': createHash('sha256').update(head).digest('hex'),
        'vitvq.format': 'training-checkpoint/2',
        'vitvq.step': '0',
        'vitvq.state': state,
        'vitvq.head-sha256': createHash('sha256').update(head).digest('hex'),
      };
      return safetensors(folder, Buffer.from(JSON.stringify({ __metadata__: metadata })));
    },
  },
  pickled('escapes, deflated', 'V', '\\u4e00', '\n'),
  pickled('quoted escapes, deflated', "S'", '\\x41', "'\n"),
  pickled('long escapes, deflated', 'V', '\\U0001F600', '\n'),
  pickled('one text, deflated', 'V', 'x', '\n'),
  pickled('integers of 255 bytes', '', `\x8a\xff${'\x7f'.repeat(255)}0`, 'N'),
  pickled('integers in text', '', `I${'9'.repeat(590)}\n0`, 'N'),
  pickled('empty lists', '', ']', ''),
  pickled('empty texts', '', 'U\x00', ''),
  pickled('places of the memo', '', 'Np0\n0', 'N'),
  pickled('operations without effect', '', '\x80\x02', 'N'),
  pickled('a name that is refused', 'c', '\x01', '\nx\n'),
  {
    format: 'PyTorch',
    content: '200,000 entries, scattered',
    reader: 'pytorch',
    bound: entries,
    make: (folder, bytes) => pyTorch(folder, Buffer.from('\x80\x02}.', 'latin1'), count(199_000, bytes, 100)),
  },
  { format: 'PyTorch before 1.6', content: '200,000 storages', reader: 'pytorch', bound: entries, make: legacy },
  {
    format: 'Flax',
    content: '199,000 arrays with long names',
    reader: 'flax',
    bound: usual,
    make: (folder, bytes) => {
      const arrays = count(199_000, bytes, 350);
      const head = Buffer.alloc(5, 0xdf);
      head.writeUInt32BE(arrays, 1);
      // A key of 300 characters, and an array of one float.
      const entry = (index: number): string =>
        `\xda\x01\x2c${index.toString(36).padStart(300, '_')}\xc7\x11\x01\x93\x91\x01\xa7float32\xc4\x04\0\0\0\0`;
      const all = Array.from({ length: arrays }, (_, index) => entry(index)).join('');
      return file(folder, 'x.msgpack', head, all);
    },
  },
  {
    format: 'Flax',
    content: 'dictionaries as keys',
    reader: 'flax',
    bound: usual,
    make: (folder, bytes) => file(folder, 'x.msgpack', '\x81\xa1x', filled('\x81', bytes)),
  },
  {
    format: 'tokenizer.json',
    content: '900,000 tokens',
    reader: 'tokenizer',
    bound: usual,
    make: (folder, bytes) => {
      const tokens = listed(count(900_000, bytes, 20), (index) => `"${index.toString(36)}":${index}`);
      return file(
        folder,
        'tokenizer.json',
        ...tokenizer(
          Buffer.concat([Buffer.from('{"type":"WordPiece","unk_token":"0","vocab":{'), tokens, Buffer.from('}}')]),
        ),
      );
    },
  },
  {
    format: 'tokenizer.json',
    content: 'a tree of 2 million characters',
    reader: 'tokenizer',
    bound: usual,
    make: (folder, bytes) => {
      const tokens = listed(count(2047, bytes, 1024), (index) => `["${String(index).padEnd(1000, 'x')}",0]`);
      return file(
        folder,
        'tokenizer.json',
        ...tokenizer(Buffer.concat([Buffer.from('{"type":"Unigram","unk_id":0,"vocab":['), tokens, Buffer.from(']}')])),
      );
    },
  },
  {
    format: 'tokenizer.json',
    content: 'merges',
    reader: 'tokenizer',
    bound: usual,
    make: (folder, bytes) => {
      const merges = listed(count(990_000, bytes, 20), (index) => `"${index.toString(36)} x"`);
      return file(
        folder,
        'tokenizer.json',
        ...tokenizer(
          Buffer.concat([Buffer.from('{"type":"BPE","vocab":{"x":0},"merges":['), merges, Buffer.from(']}')]),
        ),
      );
    },
  },
  ...['(a+)+$', '(a|a)*b', '(?:a?){30}a{30}b', '[^b]*b|[^b]'].map((Regex): HostileFile => ({
    format: 'tokenizer.json',
    content: `the pattern ${Regex} and a prompt`,
    reader: 'tokenizer',
    bound: usual,
    make: (folder) => {
      const split = `"pre_tokenizer":${JSON.stringify({ type: 'Split', pattern: { Regex }, behavior: 'Isolated' })},`;
      return file(
        folder,
        'tokenizer.json',
        ...tokenizer(Buffer.from('{"type":"WordPiece","unk_token":"a","vocab":{"a":0}}'), split),
      );
    },
  })),
  {
    format: 'tokenizer.json',
    content: 'an id of 1e9',
    reader: 'tokenizer',
    bound: usual,
    make: (folder) =>
      file(folder, 'tokenizer.json', ...tokenizer(Buffer.from('{"type":"BPE","vocab":{"a":1000000000},"merges":[]}'))),
  },
  {
    format: 'PNG',
    content: '100 million pixels',
    reader: 'images',
    bound: pixels,
    make: (folder, bytes) => png(folder, sideFor(bytes)),
  },
  {
    format: 'PNG',
    content: '50 million pixels of 16 bits, interlaced',
    reader: 'images',
    bound: pixels,
    make: (folder, bytes) => png(folder, sideFor(bytes / 2), { depth: 16, isInterlaced: true }),
  },
  {
    format: 'PNG',
    content: 'a compressed text',
    reader: 'images',
    bound: usual,
    make: (folder, bytes) => {
      const note = Buffer.concat([Buffer.from('x\0\0', 'latin1'), deflateSync(Buffer.alloc(20 * bytes))]);
      return png(folder, 64, { note });
    },
  },
  {
    format: 'PNG',
    content: 'a tail of 1.9 GB of zeros',
    reader: 'images',
    bound: usual,
    make: async (folder) => {
      const images = await png(folder, 16);
      await truncate(join(images, 'x.png'), 1.9e9);
      return images;
    },
  },
  {
    format: 'JPEG',
    content: '100 million pixels, progressive',
    reader: 'images',
    bound: pixels,
    make: async (folder, bytes) => {
      const { default: sharp } = await import('sharp');
      const side = sideFor(bytes);
      await mkdir(join(folder, 'images'));
      const image = sharp({
        create: { width: side, height: side, channels: 3, background: 'red' },
        limitInputPixels: false,
      });
      await image.jpeg({ progressive: true }).toFile(join(folder, 'images', 'x.jpg'));
      return join(folder, 'images');
    },
  },
  {
    format: 'archive of CIFAR-10',
    content: 'members of zeros, gigabytes of them',
    reader: 'cifar10',
    bound: usual,
    make: async (folder, bytes) => {
      const header = Buffer.alloc(512);
      header.write('x', 0);
      header.write(`${(2 ** 23).toString(8).padStart(11, '0')}\0`, 124);
      header.fill(' ', 148, 156);
      header.write('0', 156);
      header.write('ustar\x0000', 257, 'latin1');
      const sum = header.reduce((total, byte) => total + byte, 0);
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
      const member = gzipSync(Buffer.concat([header, Buffer.alloc(2 ** 23)]));
      const path = join(folder, 'cifar-10-binary.tar.gz');
      const handle = await open(path, 'w');
      for (let written = 0; written < bytes; written += member.length) await handle.write(member);
      await handle.close();
      return folder;
    },
  },
  {
    format: 'code shards',
    content: '8 million images in one shard',
    reader: 'codes',
    bound: { seconds: 15, megabytes: 2000 },
    make: (folder, bytes) => codes(folder, Math.floor(bytes / 8)),
  },
  {
    format: 'code shards',
    content: 'the claim of 1e15 other shards',
    reader: 'codes',
    bound: usual,
    make: (folder) => codes(folder, 1, { views: 1e6, batchesPerView: 1e9 }),
  },
  {
    format: 'metrics.jsonl',
    content: 'short lines',
    reader: 'metrics',
    bound: usual,
    make: (folder, bytes) =>
      file(folder, 'metrics.jsonl', filled('{"event":"step","step":1}\n', bytes)).then(() => folder),
  },
];
