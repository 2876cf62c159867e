/** Bytes at the beginning of a file that tell its format. */
export const formatBytes = 512;

/** Format of a file that is not the one that was expected. */
export interface ForeignFormat {
  readonly name: string;
  /** Description for errors, such as "a web page". */
  readonly what: string;
  /** What to do. */
  readonly fix?: string;
}

/** A format with the function that recognises it. */
interface Recognised extends ForeignFormat {
  /** @param text  the bytes as latin1, a character each */
  readonly matches: (text: string) => boolean;
}

const again = 'Download it again, from the address that the page itself gives for the file.';

const startsWith =
  (...beginnings: readonly string[]) =>
  (text: string): boolean =>
    beginnings.some((beginning) => text.startsWith(beginning));

/** Formats by their first bytes, the more special ones first. */
const formats: readonly Recognised[] = [
  {
    name: 'safetensors',
    what: 'a safetensors file',
    fix: 'Safetensors files are opened by openSafetensors.',
    // The length of the header in 8 bytes, and then the header.
    matches: (text) => /^.{5}\0\0\0\{[\s"}]/s.test(text),
  },
  {
    name: 'lfs',
    what: 'a pointer of Git LFS, which stands for the file',
    fix: 'Run git lfs pull in its repository, or download the file itself.',
    matches: startsWith('version https://git-lfs.github.com/'),
  },
  {
    name: 'html',
    what: 'a web page',
    fix: again,
    matches: (text) =>
      /^\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype html|html|head|body|script|title)\b/i.test(withoutMark(text)),
  },
  {
    name: 'zip',
    what: 'a zip archive, as torch.save and numpy.savez write',
    fix: 'Files of PyTorch are opened by openPyTorchCheckpoint.',
    matches: startsWith('PK\x03\x04', 'PK\x05\x06'),
  },
  {
    name: 'gzip',
    what: 'a file compressed by gzip',
    fix: 'Unpack it first, with gunzip, or tar -xzf where it is an archive.',
    matches: startsWith('\x1f\x8b'),
  },
  { name: 'xz', what: 'a file compressed by xz', fix: 'Unpack it first.', matches: startsWith('\xfd7zXZ\0') },
  { name: 'bzip2', what: 'a file compressed by bzip2', fix: 'Unpack it first.', matches: startsWith('BZh') },
  { name: 'zstd', what: 'a file compressed by zstd', fix: 'Unpack it first.', matches: startsWith('\x28\xb5\x2f\xfd') },
  {
    name: '7z',
    what: 'an archive of 7-Zip or RAR',
    fix: 'Unpack it first.',
    matches: startsWith('7z\xbc\xaf\x27\x1c', 'Rar!\x1a\x07'),
  },
  {
    name: 'tar',
    what: 'a tar archive',
    fix: 'Unpack it; a checkpoint of PyTorch before 0.2 has to be loaded and saved again with a later one.',
    matches: (text) => text.slice(257, 262) === 'ustar',
  },
  {
    name: 'hdf5',
    what: 'a file of HDF5, as Keras writes',
    fix: 'Save the weights as safetensors in Python.',
    matches: startsWith('\x89HDF\r\n\x1a\n'),
  },
  { name: 'numpy', what: 'an array of numpy', matches: startsWith('\x93NUMPY') },
  { name: 'image', what: 'an image', matches: startsWith('\x89PNG', '\xff\xd8\xff', 'GIF8') },
  { name: 'gguf', what: 'a file of GGUF', fix: 'Take the safetensors of the model.', matches: startsWith('GGUF') },
  {
    name: 'msgpack',
    what: 'a file of MessagePack, as Flax writes',
    fix: 'Checkpoints of Flax are opened by openFlaxCheckpoint.',
    // A map, and the text that is its first key.
    matches: (text) => /^(?:[\x81-\x8f]|\xde[^]{2}|\xdf[^]{4})[\xa1-\xbf\xd9-\xdb]/.test(text),
  },
  {
    name: 'pickle',
    what: 'a pickle, as torch.save wrote before PyTorch 1.6',
    fix: 'Files of PyTorch are opened by openPyTorchCheckpoint.',
    matches: startsWith('\x80'),
  },
  {
    name: 'json',
    what: 'a text in JSON',
    fix: `An index of several files is opened by openShardedSafetensors. Where it is an answer of a server: ${again}`,
    matches: (text) => /^\s*[{[]/.test(withoutMark(text)),
  },
  { name: 'zeros', what: 'a file that begins with zeros', fix: `It is not complete. ${again}`, matches: isZeros },
  { name: 'text', what: 'a text', fix: again, matches: isText },
];

/**
 * Returns the format of a file by its first `formatBytes` bytes (fewer in a shorter file), or
 * undefined where it is none that is known.
 */
export function foreignFormat(start: Uint8Array): ForeignFormat | undefined {
  if (start.length === 0) return { name: 'empty', what: 'an empty file', fix: again };
  let text = '';
  for (const byte of start.subarray(0, formatBytes)) text += String.fromCharCode(byte);
  const found = formats.find(({ matches }) => matches(text));
  if (found?.name !== 'text' && found?.name !== 'json') return found;
  const line = text
    .trim()
    .split(/[\r\n]/, 1)[0]!
    .slice(0, 60);
  return { ...found, what: `${found.what}, ${JSON.stringify(line)}` };
}

function withoutMark(text: string): string {
  return text.replace(/^\xef\xbb\xbf/, '');
}

function isZeros(text: string): boolean {
  return /^\0{16,}$/.test(text);
}

/** Returns whether bytes are printable ASCII or UTF-8, and white space. */
function isText(text: string): boolean {
  return text.length >= 4 && /^[\t\r\n\f\x20-\x7e\x80-\xff]+$/.test(text) && /[ \n]/.test(text);
}
