import { DataError } from '@vitvq/core';
import type { InputFile } from '@vitvq/files';
import type { AllowedNames } from './pickle/names.js';
import { PickleReader } from './pickle/reader.js';
import { readPickle, storageElementBytes, type PyTorchFile } from './pytorch-file.js';
import { quote } from './scan-json.js';
import { inflateEntry, readZipDirectory, type ZipEntry } from './zip-archive.js';

/**
 * Largest pickle. The pickle of a checkpoint holds names and shapes, a few hundred bytes a tensor.
 */
const maximumPickleBytes = 64 * 2 ** 20;

/**
 * Opens a file of the format of PyTorch 1.6 and later: an archive of `data.pkl` and one file for
 * each storage.
 * @throws {DataError} naming the file and the problem
 */
export async function openZipFile(input: InputFile, names: AllowedNames): Promise<PyTorchFile> {
  const where = input.path;
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where, expected, got, fix });
  };
  const entries = await readZipDirectory(input);
  const content = async (entry: ZipEntry): Promise<Uint8Array<ArrayBuffer>> =>
    entry.isDeflated ? inflateEntry(input, entry) : input.read(entry.begin, entry.end);

  const pickles = [...entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (!pickle || pickles.length > 1) {
    const got = pickle ? `${pickles.length} of them` : 'none';
    return refuse(
      'an archive of PyTorch, with a data.pkl in its folder',
      got,
      'Other zip archives are no checkpoints.',
    );
  }
  if (pickle.size > maximumPickleBytes) {
    return refuse(`${quote(pickle.name)} of at most ${maximumPickleBytes} bytes`, `${pickle.size}`);
  }
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const order = entries.get(`${folder}byteorder`);
  let byteOrder = 'little';
  if (order) byteOrder = order.size <= 16 ? new TextDecoder().decode(await content(order)).trim() : 'other';
  if (byteOrder !== 'little' && byteOrder !== 'big') return refuse('byteorder little or big', quote(byteOrder));
  const { value: root } = readPickle(new PickleReader(await content(pickle)), names, where);

  /** Deflated storage that was read last. Tensors that share a storage follow each other. */
  let inflated: { readonly entry: ZipEntry; readonly bytes: Promise<Uint8Array<ArrayBuffer>> } | undefined;
  return {
    root,
    isBigEndian: byteOrder === 'big',
    locate: (storage) => {
      const { key, wholeLength } = storage;
      const name = `${folder}data/${key}`;
      const entry = entries.get(name) ?? refuse(`storage ${quote(key)} as ${quote(name)}`, 'none');
      const needed = wholeLength * storageElementBytes(storage);
      if (entry.size < needed) {
        return refuse(`${quote(name)} to hold ${needed} bytes`, `${entry.size}`, 'The file is damaged.');
      }
      if (!entry.isDeflated) return (begin, end) => input.read(entry.begin + begin, entry.begin + end);
      return async (begin, end) => {
        if (inflated?.entry !== entry) inflated = { entry, bytes: inflateEntry(input, entry) };
        return (await inflated.bytes).slice(begin, end);
      };
    },
  };
}
