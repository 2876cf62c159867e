import { DataError } from '@vitvq/core';
import type { InputFile } from '@vitvq/files';
import type { AllowedNames } from './pickle/names.js';
import { PickleEnd, PickleReader } from './pickle/reader.js';
import { PickleDictionary, PickleList, describeValue, type PickleStorage, type PickleValue } from './pickle/values.js';
import { readPickle, storageElementBytes, type PyTorchFile } from './pytorch-file.js';
import { quote } from './scan-json.js';

const magic = 0x1950a86a20f9469cfc6cn;
const protocol = 1001;

/**
 * Bytes at the beginning of a file that are read for its pickles. Most pickles fit into the first
 * number; none may be longer than the second.
 */
const headBytes = [2 ** 20, 64 * 2 ** 20];

/** Content of the pickles at the beginning of a file. */
interface Head {
  readonly root: PickleValue;
  readonly storages: readonly PickleStorage[];
  readonly isBigEndian: boolean;
  readonly keys: readonly string[];
  /** Position at which the storages begin. */
  readonly end: number;
}

/**
 * Opens a file of the format before PyTorch 1.6: five pickles, and then the storages one after the
 * other.
 * @throws {DataError} naming the file and the problem
 */
export async function openLegacyFile(input: InputFile, names: AllowedNames): Promise<PyTorchFile> {
  const where = input.path;
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where, expected, got, fix });
  };
  const { root, storages: mentioned, isBigEndian, keys, end } = await readHead(input, names);

  // A storage does not say the type of its elements; the tensors that mention it do.
  const storages = new Map<string, PickleStorage>();
  for (const storage of mentioned) {
    const { key, wholeLength } = storage;
    const other = storages.get(key) ?? storage;
    if (storageElementBytes(other) !== storageElementBytes(storage) || other.wholeLength !== wholeLength) {
      const got = `${other.wholeLength} of ${other.type?.name ?? 'bytes'} and ${wholeLength} of ${storage.type?.name ?? 'bytes'}`;
      return refuse(`storage ${quote(key)} to be one thing`, got);
    }
    storages.set(key, storage);
  }
  const beginOf = new Map<string, number>();
  let position = end;
  for (const key of keys) {
    const storage = storages.get(key) ?? refuse('storages that the checkpoint mentions', quote(key));
    const length = storage.wholeLength;
    if (beginOf.has(key)) return refuse('storages that differ', `${quote(key)} twice`);
    if (position + 8 > input.size) return refuse(`storage ${quote(key)}`, 'the end of the file', 'It was cut off.');
    const head = await input.read(position, position + 8);
    const written = new DataView(head.buffer).getBigInt64(0, !isBigEndian);
    if (written !== BigInt(length)) {
      return refuse(`storage ${quote(key)} of ${length} elements`, `${written}`, 'The file is damaged.');
    }
    beginOf.set(key, position + 8);
    position += 8 + length * storageElementBytes(storage);
    if (!(position <= input.size)) {
      return refuse(`${length} elements of storage ${quote(key)}`, 'the end of the file', 'It was cut off.');
    }
  }
  return {
    root,
    isBigEndian,
    locate: ({ key }) => {
      const begin = beginOf.get(key) ?? refuse(`storage ${quote(key)} in the file`, 'none');
      return (from, to) => input.read(begin + from, begin + to);
    },
  };
}

async function readHead(input: InputFile, names: AllowedNames): Promise<Head> {
  for (const length of headBytes) {
    const bytes = await input.read(0, Math.min(length, input.size));
    try {
      return parseHead(new PickleReader(bytes), names, input.path);
    } catch (error) {
      const isCut = error instanceof DataError && error.cause instanceof PickleEnd;
      if (!isCut || bytes.length === input.size || length === headBytes.at(-1)) throw error;
    }
  }
  throw new Error('unreachable: the last length returns or throws');
}

function parseHead(reader: PickleReader, names: AllowedNames, where: string): Head {
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where, expected, got, fix });
  };
  const { value: number } = readPickle(reader, names, where);
  if (number !== magic) {
    return refuse('a checkpoint of PyTorch', 'another pickle', 'Only what torch.save has written is read.');
  }
  const { value: version } = readPickle(reader, names, where);
  if (version !== protocol) return refuse(`protocol ${protocol} of PyTorch`, describeValue(version));
  const { value: system } = readPickle(reader, names, where);
  const isLittleEndian = system instanceof PickleDictionary ? system.entries.get('little_endian') : undefined;
  if (typeof isLittleEndian !== 'boolean') {
    return refuse('little_endian to be True or False', describeValue(isLittleEndian));
  }
  const { value: root, storages } = readPickle(reader, names, where);
  const { value: list } = readPickle(reader, names, where);
  const keys = list instanceof PickleList ? list.items : [];
  if (!(list instanceof PickleList) || !keys.every((key) => typeof key === 'string')) {
    return refuse('a list of the keys of storages', describeValue(list));
  }
  return { root, storages, isBigEndian: !isLittleEndian, keys, end: reader.position };
}
