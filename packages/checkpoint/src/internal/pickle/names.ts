import { elementTypes, storageTypes } from './element-types.js';
import { isOfPython, modernName } from './python-names.js';
import { isPassedOver } from './passed-over.js';
import { buildTensor } from './tensors.js';
import {
  PickleDictionary,
  PickleList,
  PickleName,
  PicklePlaceholder,
  PickleSet,
  PickleTensor,
  PickleTuple,
  PickleUnreadTensor,
  describeValue,
  type PickleValue,
  type Refuse,
} from './values.js';

/** Builds the value that a call of a known name returns. */
type Build = (parameters: readonly PickleValue[], refuse: Refuse) => PickleValue;

function list(values: readonly PickleValue[]): PickleList {
  const result = new PickleList();
  for (const value of values) result.items.push(value);
  return result;
}

/**
 * Returns the items of a list, tuple or set. A list or a set may grow later, so a caller that keeps
 * the items copies them.
 */
function itemsOf(value: PickleValue | undefined, refuse: Refuse): readonly PickleValue[] {
  if (value === undefined) return [];
  if (value instanceof PickleList || value instanceof PickleTuple || value instanceof PickleSet) return value.items;
  return refuse('items to fill a container', describeValue(value));
}

function dictionary(pairs: PickleValue | undefined, refuse: Refuse): PickleDictionary {
  const result = new PickleDictionary();
  if (pairs instanceof PickleDictionary) {
    for (const [key, value] of pairs.entries) result.set(key, value, refuse);
    return result;
  }
  for (const pair of itemsOf(pairs, refuse)) {
    const [key, value, ...rest] = itemsOf(pair, refuse);
    if (key === undefined || value === undefined || rest.length > 0) {
      return refuse('pairs of key and value to fill a dictionary', describeValue(pair));
    }
    result.set(key, value, refuse);
  }
  return result;
}

const tuple: Build = ([items], refuse) => new PickleTuple([...itemsOf(items, refuse)]);

const set: Build = ([items], refuse) => {
  const result = new PickleSet();
  for (const item of itemsOf(items, refuse)) result.items.push(item);
  return result;
};

/** Builds bytes, which protocols 0 to 2 write as a text in latin1 with one character a byte. */
const bytes: Build = ([content, encoding], refuse) => {
  if (content === undefined) return new Uint8Array();
  if (content instanceof Uint8Array) return content;
  if (typeof content !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1')) {
    return refuse('bytes as a text in latin1', describeValue(encoding));
  }
  const values = new Uint8Array(content.length);
  for (let index = 0; index < content.length; index++) values[index] = content.charCodeAt(index);
  return values;
};

function tensorOf(value: PickleValue | undefined, refuse: Refuse): PickleTensor | PickleUnreadTensor {
  const isTensor = value instanceof PickleTensor || value instanceof PickleUnreadTensor;
  return isTensor ? value : refuse('a tensor', describeValue(value));
}

/** Builds a tensor whose values are not read. Its parameters are dropped. */
function unread(what: string): Build {
  return () => new PickleUnreadTensor(what);
}

const inNumpy = unread('a tensor in an array of numpy');

/**
 * Builds a tensor from the parameters of `_rebuild_tensor` and `_rebuild_tensor_v2`. The two
 * between strides and metadata concern training and are ignored.
 */
const tensor: Build = ([storage, offset, shape, strides, , , metadata], refuse) =>
  buildTensor({ storage, offset, shape, strides, metadata }, refuse);

/**
 * Names that may be called, with the functions that build the results. All of these are functions
 * of this file: nothing that a pickle names is ever imported, looked up or run.
 */
const known: ReadonlyMap<string, Build> = new Map<string, Build>([
  ['collections.OrderedDict', ([pairs], refuse) => dictionary(pairs, refuse)],
  ['collections.Counter', ([counts], refuse) => dictionary(counts, refuse)],
  ['collections.defaultdict', ([, pairs], refuse) => dictionary(pairs, refuse)],
  ['collections.deque', ([items], refuse) => list(itemsOf(items, refuse))],
  ...['pytorch_lightning.utilities.parsing', 'lightning_fabric.utilities.data', 'lightning.fabric.utilities.data'].map(
    (module): [string, Build] => [`${module}.AttributeDict`, ([pairs], refuse) => dictionary(pairs, refuse)],
  ),
  ['builtins.dict', ([pairs], refuse) => dictionary(pairs, refuse)],
  ['builtins.list', ([items], refuse) => list(itemsOf(items, refuse))],
  ['builtins.tuple', tuple],
  ['builtins.set', set],
  ['builtins.frozenset', set],
  ['builtins.bytearray', bytes],
  ['_codecs.encode', bytes],
  ['torch.Size', tuple],
  ...['int', 'double', 'bool', 'tensor'].map((kind): [string, Build] => [
    `torch.jit._pickle.build_${kind}list`,
    ([items], refuse) => list(itemsOf(items, refuse)),
  ]),
  ['torch.jit._pickle.restore_type_tag', ([value]) => value ?? null],
  ['torch._utils._rebuild_tensor', tensor],
  ['torch._utils._rebuild_tensor_v2', tensor],
  [
    'torch._utils._rebuild_tensor_v3',
    (parameters, refuse) => {
      const [storage, offset, shape, strides, , , dtype, metadata] = parameters;
      const ownType = dtype instanceof PickleName ? elementTypes.get(dtype.name) : undefined;
      if (!ownType) return refuse(`a dtype of ${[...elementTypes.keys()].join(', ')}`, describeValue(dtype));
      return buildTensor({ storage, offset, shape, strides, ownType, metadata }, refuse);
    },
  ],
  ['torch._utils._rebuild_sparse_tensor', unread('a sparse tensor')],
  ['torch._utils._rebuild_sparse_csr_tensor', unread('a sparse tensor')],
  ['torch._utils._rebuild_nested_tensor', unread('a nested tensor')],
  ['torch._utils._rebuild_qtensor', unread('a quantized tensor')],
  ['torch._utils._rebuild_meta_tensor_no_storage', unread('a tensor without values, of the device meta')],
  ['torch._utils._rebuild_wrapper_subclass', unread('a tensor of a class of its own, without values')],
  ['torch._utils._rebuild_device_tensor_from_numpy', inNumpy],
  ['torch._utils._rebuild_xla_tensor', inNumpy],
  ['torch._utils._rebuild_device_tensor_from_cpu_tensor', ([data], refuse) => tensorOf(data, refuse)],
  ['torch._utils._rebuild_parameter', ([data], refuse) => tensorOf(data, refuse)],
  ['torch._utils._rebuild_parameter_with_state', ([data], refuse) => tensorOf(data, refuse)],
  [
    'torch._tensor._rebuild_from_type_v2',
    ([rebuild, , parameters], refuse) => {
      const name = rebuild instanceof PickleName ? rebuild.name : '';
      if (!name.startsWith('torch._utils._rebuild_')) return refuse('a tensor to be rebuilt', describeValue(rebuild));
      return tensorOf(call(name, parameters ?? null, refuse), refuse);
    },
  ],
]);

/** Beginning of the names of classes whose code is in the archive of `torch.jit.save`. */
const ofScript = '__torch__.';

/** Name of a class by the convention of Python. */
const className = /^[A-Z][A-Za-z0-9]*$/;

/**
 * Names that a pickle may mention: the known ones, those that are passed over, and those that the
 * caller ignores, as `package.module.Class` or all of a package as `package.*`.
 */
export class AllowedNames {
  readonly #exact: ReadonlySet<string>;
  readonly #prefixes: readonly string[];

  constructor(ignore: readonly string[] = []) {
    this.#exact = new Set(ignore.filter((name) => !name.endsWith('.*')));
    this.#prefixes = ignore.filter((name) => name.endsWith('.*')).map((name) => name.slice(0, -1));
  }

  /** Returns what is known of a name that a pickle mentions. */
  resolve(module: string, name: string): PickleName {
    const full = modernName(`${module}.${name}`);
    const isKnown = known.has(full) || storageTypes.has(full) || elementTypes.has(full);
    if (isKnown || full.startsWith(ofScript)) return new PickleName(full);
    if (isPassedOver(full) || this.#isIgnored(full)) return new PickleName(full, 'passed over');
    return new PickleName(full, className.test(name) && !isOfPython(full) ? 'unknown class' : 'unknown');
  }

  /** Returns the result of calling a name or of making an object of a class. */
  call({ name, standing }: PickleName, parameters: PickleValue, refuse: Refuse): PickleValue {
    if (name.startsWith(ofScript)) return new PickleDictionary(true);
    if (standing !== 'built') return new PicklePlaceholder(name, standing !== 'passed over');
    return call(name, parameters, refuse);
  }

  #isIgnored(name: string): boolean {
    return this.#exact.has(name) || this.#prefixes.some((prefix) => name.startsWith(prefix));
  }
}

function call(name: string, parameters: PickleValue, refuse: Refuse): PickleValue {
  const build = known.get(name);
  if (!build) return refuse('only tensors and plain containers to be built', `a call of ${name}`);
  if (!(parameters instanceof PickleTuple)) return refuse(`a tuple of what ${name} takes`, describeValue(parameters));
  return build(parameters.items, refuse);
}
