import { checkOptions, ConfigError, DataError, type HostTensor, type OptionTable } from '@vitvq/core';
import { InputFile } from '@vitvq/files';
import { elementBytes, toHostData } from './dtypes.js';
import { foreignFormat, formatBytes } from './internal/foreign-format.js';
import { negated } from './internal/negated.js';
import { AllowedNames } from './internal/pickle/names.js';
import {
  PickleDictionary,
  PicklePlaceholder,
  PickleTensor,
  PickleUnreadTensor,
  describeValue,
  type PickleValue,
} from './internal/pickle/values.js';
import { openLegacyFile } from './internal/pytorch-legacy.js';
import { openZipFile } from './internal/pytorch-zip.js';
import { quote } from './internal/scan-json.js';
import { readStrided, swapBytes, type ReadBytes } from './internal/strided-tensor.js';
import { wrapperPrefix } from './internal/wrapper-prefix.js';
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
   * Names to pass over, as `package.module.Class` or all of a package as `package.*`, besides what
   * training programs usually leave in checkpoints and objects that hold plain values. What they
   * stand for becomes placeholders that hold nothing; nothing of it is looked up or run.
   */
  readonly ignore?: readonly string[];
  /**
   * Beginning of the names of tensors to take: the others are left out, and names begin after it.
   * `''` takes all names as they are.
   * @default what programs put before all names: `module.` (DataParallel), `_orig_mod.`
   *   (torch.compile) and `model.` (a module around the model), any of them several times, where
   *   every name begins with it
   */
  readonly prefix?: string;
}

const pyTorchCheckpointOptionNames: OptionTable<PyTorchCheckpointOptions> = {
  part: 'optional',
  ignore: 'optional',
  prefix: 'optional',
};

/** An open checkpoint of PyTorch. `restoreVariables` takes it. The caller closes it. */
export interface PyTorchCheckpoint extends TensorFile {
  /** Format of the file: `zip` since PyTorch 1.6, `legacy` before. */
  readonly format: 'zip' | 'legacy';
  /** Tensors in the order of the state dict, without {@link unread}. */
  readonly entries: readonly TensorEntry[];
  /**
   * Tensors whose values are not read, with the reason: complex, sparse, quantized and nested ones,
   * and those that the file has no values for.
   */
  readonly unread: ReadonlyMap<string, string>;
  /** Beginning of the names in the file that `entries` and `unread` leave out. */
  readonly prefix: string;
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
/**
 * Largest number of entries of dictionaries, those of a dictionary counted at each mention of it.
 */
const maximumEntries = 2 ** 24;
/** Largest length of the name of a tensor, with the names of the dictionaries around it. */
const maximumNameLength = 1024;
/** Largest length of all names of tensors together. */
const maximumNamesLength = 64 * 2 ** 20;

/**
 * Opens a file that `torch.save` wrote, in the zip format of PyTorch 1.6 and later or in the format
 * before, without Python. A pickle is a program, and this function runs none: it builds tensors,
 * plain containers and plain values. A class or function of any other name is refused by that name,
 * wherever in the file it is, all such names together. Not built, but passed over, are objects of
 * the classes that training programs leave in checkpoints, objects of other classes that hold plain
 * values alone and no tensors, and whatever `ignore` names.
 *
 * A file of `torch.jit.save` is read as the dictionary of its modules and their tensors; the code
 * in it is not looked at.
 *
 * Tensors may be contiguous, strided, offset, expanded, negated, parameters, and share storages.
 * They may be of any real or integer type, little- or big-endian, stored or deflated. Each is read
 * from its place when it is asked for, so that a file takes little more memory than its largest
 * tensor (or its largest storage, where that is deflated).
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
  const {
    part,
    ignore,
    prefix: givenPrefix,
  } = checkOptions(options, pyTorchCheckpointOptionNames, 'openPyTorchCheckpoint');
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
    const collected = collectTensors(dictionary, file);
    const prefix = givenPrefix ?? wrapperPrefix([...collected.keys()]);
    const tensors = new Map<string, PickleTensor>();
    const unread = new Map<string, string>();
    const reads = new Map<string, ReadBytes>();
    for (const [fullName, tensor] of collected) {
      if (!fullName.startsWith(prefix)) continue;
      const name = fullName.slice(prefix.length);
      if (tensor instanceof PickleUnreadTensor) unread.set(name, tensor.what);
      else tensors.set(name, tensor);
      if (tensor instanceof PickleTensor) reads.set(name, opened.locate(tensor.storage));
    }
    if (tensors.size + unread.size === 0 && collected.size > 0) {
      const [first = ''] = collected.keys();
      throw new DataError({
        where: file,
        expected: `names that begin with ${quote(prefix)}`,
        got: `such as ${quote(first)}`,
      });
    }
    const entries = [...tensors].map(([name, { shape, dtype }]) => ({ name, shape, dtype }));

    const read = async ({ name }: TensorEntry): Promise<HostTensor> => {
      const tensor = tensors.get(name) ?? refuseTensor(name, unread.get(name), file);
      const { dtype, shape, strides, offset, isNegated } = tensor;
      const layout = { shape, strides, offset, elementBytes: elementBytes(dtype) };
      const bytes = await readStrided(layout, reads.get(name)!, `${file}, tensor ${name}`);
      if (opened.isBigEndian) swapBytes(bytes, elementBytes(dtype));
      const data = toHostData(bytes, dtype, name, file);
      return { shape, data: isNegated ? negated(data, dtype, name, file) : data };
    };
    const values = valuesOf(opened.root);
    return { file, format, entries, unread, prefix, values, read, close: () => input.close() };
  } catch (error) {
    await input.close();
    throw error;
  }
}

async function formatOf(input: InputFile): Promise<'zip' | 'legacy'> {
  const found = foreignFormat(await input.read(0, Math.min(input.size, formatBytes)));
  if (found?.name === 'pickle') return 'legacy';
  if (found?.name === 'zip') return 'zip';
  throw new DataError({
    where: input.path,
    expected: 'a checkpoint of PyTorch, a zip archive or a pickle',
    got: found?.what ?? 'something else',
    fix: found?.fix,
  });
}

/** @throws {DataError} saying that there is no such tensor, or why it is not read */
function refuseTensor(name: string, reason: string | undefined, where: string): never {
  const expected = `tensor ${quote(name)}${reason === undefined ? '' : ' to have values that are read'}`;
  throw new DataError({ where, expected, got: reason ?? 'none of that name' });
}

function choosePart(root: PickleValue, part: string | undefined, where: string): PickleDictionary {
  if (!(root instanceof PickleDictionary)) {
    const isObject = root instanceof PicklePlaceholder;
    throw new DataError({
      where,
      expected: 'a dictionary of tensors',
      got: describeValue(root),
      fix: isObject ? 'Save the weights alone in Python: torch.save(model.state_dict(), file).' : undefined,
    });
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
  for (const value of entries.values()) if (isTensor(value)) return true;
  return false;
}

function isTensor(value: PickleValue): value is PickleTensor | PickleUnreadTensor {
  return value instanceof PickleTensor || value instanceof PickleUnreadTensor;
}

/**
 * Returns all tensors of a dictionary and of those within it, by their paths with dots. What is
 * mentioned twice has two paths; a dictionary within itself is passed over.
 */
function collectTensors(dictionary: PickleDictionary, where: string): Map<string, PickleTensor | PickleUnreadTensor> {
  const tensors = new Map<string, PickleTensor | PickleUnreadTensor>();
  const around = new Set<PickleDictionary>();
  const refuse = (expected: string, got: string): never => {
    throw new DataError({ where, expected, got });
  };
  let length = 0;
  let entryCount = 0;
  const collect = (inner: PickleDictionary, prefix: string): void => {
    if (around.size >= maximumDepth || around.has(inner)) return;
    entryCount += inner.entries.size;
    if (entryCount > maximumEntries) refuse(`dictionaries of at most ${maximumEntries} entries`, 'more');
    around.add(inner);
    for (const [key, value] of inner.entries) {
      if (value instanceof PickleDictionary) collect(value, `${prefix}${key}.`);
      if (!isTensor(value)) continue;
      const name = `${prefix}${key}`;
      length += name.length;
      if (name.length > maximumNameLength) {
        const got = `one of ${name.length}, ${quote(name)}`;
        refuse(`names of tensors of at most ${maximumNameLength} characters`, got);
      }
      if (tensors.size >= maximumTensors) refuse(`at most ${maximumTensors} tensors`, 'more');
      if (length > maximumNamesLength) {
        refuse(`names of tensors of ${maximumNamesLength} characters at most`, 'more');
      }
      if (tensors.has(name)) refuse('names that differ', `${quote(name)} twice`);
      tensors.set(name, value);
    }
    around.delete(inner);
  };
  collect(dictionary, '');
  return tensors;
}

function valuesOf(root: PickleValue): Map<string, string | number | boolean> {
  const values = new Map<string, string | number | boolean>();
  for (const [key, value] of root instanceof PickleDictionary ? root.entries : []) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') values.set(key, value);
  }
  return values;
}
