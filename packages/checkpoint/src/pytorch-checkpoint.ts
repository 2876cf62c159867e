import { checkOptions, ConfigError, DataError, type HostTensor, type OptionTable } from '@vitvq/core';
import { InputFile } from '@vitvq/files';
import { elementBytes, toHostData } from './dtypes.js';
import { AllowedNames } from './internal/pickle/names.js';
import { PickleDictionary, PickleTensor, describeValue, type PickleValue } from './internal/pickle/values.js';
import { openLegacyFile } from './internal/pytorch-legacy.js';
import { openZipFile } from './internal/pytorch-zip.js';
import { quote } from './internal/scan-json.js';
import { readStrided, swapBytes, type ReadBytes } from './internal/strided-tensor.js';
import type { TensorEntry, TensorFile } from './tensor-source.js';

/** Options of {@link openPyTorchCheckpoint}. */
export interface PyTorchCheckpointOptions {
  /**
   * Key of the dictionary whose tensors are wanted, where a file holds several. Tensors of
   * dictionaries within it get names with dots.
   * @default the first of `state_dict`, `model`, `model_state_dict` that holds tensors, or else all
   *   of the file
   */
  readonly part?: string;
  /**
   * Classes to pass over, as `package.module.Class` or all of a package as `package.*`, besides the
   * classes of settings that Lightning and OmegaConf leave in checkpoints. Their objects become
   * placeholders that hold nothing; nothing of them is looked up or run.
   */
  readonly ignore?: readonly string[];
}

const pyTorchCheckpointOptionNames: OptionTable<PyTorchCheckpointOptions> = {
  part: 'optional',
  ignore: 'optional',
};

/** An open checkpoint of PyTorch. `restoreVariables` takes it. The caller closes it. */
export interface PyTorchCheckpoint extends TensorFile {
  /** Format of the file: `zip` since PyTorch 1.6, `legacy` before. */
  readonly format: 'zip' | 'legacy';
  /** Tensors in the order of the state dict. */
  readonly entries: readonly TensorEntry[];
  /** Numbers, strings and truth values beside the state dict, such as `epoch` and `global_step`. */
  readonly values: ReadonlyMap<string, string | number | boolean>;
}

const usualParts = ['state_dict', 'model', 'model_state_dict'];

/** Deepest nesting of dictionaries of tensors. */
const maximumDepth = 16;

/**
 * Largest number of tensors. There are limits on names too, because a pickle writes a key or a
 * tensor once and can mention it again anywhere in two bytes.
 */
const maximumTensors = 500_000;
/** Largest length of the name of a tensor, with the names of the dictionaries around it. */
const maximumNameLength = 1024;
/** Largest length of all names of tensors together. */
const maximumNamesLength = 64 * 2 ** 20;

/**
 * Opens a file that `torch.save` wrote, in the zip format of PyTorch 1.6 and later or in the format
 * before, without Python. A pickle is a program, and this function runs none: it builds tensors,
 * plain containers and plain values. A class or function of any other name is refused by that name,
 * wherever in the file it is. Objects of classes that hold settings (and of those in `ignore`) are
 * not built.
 *
 * Tensors may be contiguous, strided, offset, expanded, parameters, and share storages. They may be
 * of any real or integer type, little- or big-endian, stored or deflated. Each is read from its
 * place when it is asked for, so that a file takes little more memory than its largest tensor (or
 * its largest storage, where that is deflated).
 *
 * Limits: 64 MiB of pickle and about 256 MiB of its objects; 64 MiB or 100 times the file of
 * deflated content; 2^24 values of an expanded tensor, or those of its storage where they are more;
 * 4,096 characters of a key, 1,024 of the name of a tensor, and 64 Mi of all names; 500,000
 * tensors; 200,000 entries of an archive.
 * @throws {DataError} naming the file and the problem, or the name that its pickle mentions
 */
export async function openPyTorchCheckpoint(
  file: string,
  options: PyTorchCheckpointOptions = {},
): Promise<PyTorchCheckpoint> {
  const { part, ignore } = checkOptions(options, pyTorchCheckpointOptionNames, 'openPyTorchCheckpoint');
  if (ignore !== undefined && !Array.isArray(ignore)) {
    const expected = 'ignore to be a list of names';
    throw new ConfigError({ where: 'openPyTorchCheckpoint', expected, got: JSON.stringify(ignore) });
  }
  const input = await InputFile.open(file, 'a checkpoint of PyTorch');
  try {
    const format = await formatOf(input);
    const names = new AllowedNames(ignore);
    const opened = await (format === 'zip' ? openZipFile(input, names) : openLegacyFile(input, names));
    const dictionary = choosePart(opened.root, part, file);
    const tensors = collectTensors(dictionary, file);
    const reads = new Map<string, ReadBytes>();
    for (const [name, { storage }] of tensors) reads.set(name, opened.locate(storage));
    const entries = [...tensors].map(([name, { shape, dtype }]) => ({ name, shape, dtype }));

    const read = async ({ name }: TensorEntry): Promise<HostTensor> => {
      const tensor = tensors.get(name);
      if (!tensor) throw new DataError({ where: file, expected: `tensor ${quote(name)}`, got: 'none of that name' });
      const { dtype, shape, strides, offset } = tensor;
      const layout = { shape, strides, offset, elementBytes: elementBytes(dtype) };
      const bytes = await readStrided(layout, reads.get(name)!, `${file}, tensor ${name}`);
      if (opened.isBigEndian) swapBytes(bytes, elementBytes(dtype));
      return { shape, data: toHostData(bytes, dtype, name, file) };
    };
    return { file, format, entries, values: valuesOf(opened.root), read, close: () => input.close() };
  } catch (error) {
    await input.close();
    throw error;
  }
}

async function formatOf(input: InputFile): Promise<'zip' | 'legacy'> {
  const start = Buffer.from(await input.read(0, Math.min(input.size, 512)));
  if (start.subarray(0, 4).toString('latin1') === 'PK\u0003\u0004') return 'zip';
  if (start[0] === 0x80) return 'legacy';
  const isTar = start.subarray(257, 262).toString('latin1') === 'ustar';
  throw new DataError({
    where: input.path,
    expected: 'a checkpoint of PyTorch, a zip archive or a pickle',
    got: isTar ? 'a tar archive, of PyTorch before 0.2' : input.size === 0 ? 'an empty file' : 'something else',
    fix: isTar ? 'Load it and save it again with a later PyTorch.' : undefined,
  });
}

function choosePart(root: PickleValue, part: string | undefined, where: string): PickleDictionary {
  if (!(root instanceof PickleDictionary)) {
    throw new DataError({ where, expected: 'a dictionary of tensors', got: describeValue(root) });
  }
  if (part !== undefined) {
    const chosen = root.entries.get(part);
    if (chosen instanceof PickleDictionary) return chosen;
    const keys = [...root.entries.keys()].map(describeValue).join(', ');
    throw new DataError({
      where,
      expected: `a dictionary ${quote(part)}`,
      got:
        chosen === undefined ? `keys ${keys.length > 200 ? `${keys.slice(0, 197)}...` : keys}` : describeValue(chosen),
    });
  }
  for (const usual of usualParts) {
    const candidate = root.entries.get(usual);
    if (candidate instanceof PickleDictionary && holdsTensors(candidate)) return candidate;
  }
  return root;
}

function holdsTensors({ entries }: PickleDictionary): boolean {
  for (const value of entries.values()) if (value instanceof PickleTensor) return true;
  return false;
}

/** Returns all tensors of a dictionary and of those within it, by their paths with dots. */
function collectTensors(dictionary: PickleDictionary, where: string): Map<string, PickleTensor> {
  const tensors = new Map<string, PickleTensor>();
  const visited = new Set<PickleDictionary>();
  const refuse = (expected: string, got: string): never => {
    throw new DataError({ where, expected, got });
  };
  let length = 0;
  const collect = ({ entries }: PickleDictionary, prefix: string, depth: number): void => {
    for (const [key, value] of entries) {
      const name = `${prefix}${key}`;
      if (value instanceof PickleTensor) {
        length += name.length;
        if (name.length > maximumNameLength) {
          const got = `one of ${name.length}, ${quote(name)}`;
          return refuse(`names of tensors of at most ${maximumNameLength} characters`, got);
        }
        if (tensors.size >= maximumTensors) return refuse(`at most ${maximumTensors} tensors`, 'more');
        if (length > maximumNamesLength) {
          return refuse(`names of tensors of ${maximumNamesLength} characters at most`, 'more');
        }
        if (tensors.has(name)) return refuse('names that differ', `${quote(name)} twice`);
        tensors.set(name, value);
      } else if (value instanceof PickleDictionary && depth < maximumDepth && !visited.has(value)) {
        visited.add(value);
        collect(value, `${name}.`, depth + 1);
      }
    }
  };
  visited.add(dictionary);
  collect(dictionary, '', 1);
  return tensors;
}

function valuesOf(root: PickleValue): Map<string, string | number | boolean> {
  const values = new Map<string, string | number | boolean>();
  for (const [key, value] of root instanceof PickleDictionary ? root.entries : []) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') values.set(key, value);
  }
  return values;
}
