import type { SafetensorsDtype } from '../../dtypes.js';
import { buildTensor, storageDtypes } from './tensors.js';
import {
  PickleDictionary,
  PickleList,
  PickleName,
  PicklePlaceholder,
  PickleSet,
  PickleTensor,
  PickleTuple,
  describeValue,
  type PickleValue,
  type Refuse,
} from './values.js';

/** Builds the value that a call of a known name returns. */
type Build = (parameters: readonly PickleValue[], refuse: Refuse) => PickleValue;

const dtypes: ReadonlyMap<string, SafetensorsDtype> = new Map<string, SafetensorsDtype>([
  ['torch.float64', 'F64'],
  ['torch.float32', 'F32'],
  ['torch.float16', 'F16'],
  ['torch.bfloat16', 'BF16'],
  ['torch.float8_e4m3fn', 'F8_E4M3'],
  ['torch.float8_e5m2', 'F8_E5M2'],
  ['torch.float8_e8m0fnu', 'F8_E8M0'],
  ['torch.int64', 'I64'],
  ['torch.int32', 'I32'],
  ['torch.int16', 'I16'],
  ['torch.int8', 'I8'],
  ['torch.uint64', 'U64'],
  ['torch.uint32', 'U32'],
  ['torch.uint16', 'U16'],
  ['torch.uint8', 'U8'],
  ['torch.bool', 'BOOL'],
]);

/** Names of Python 2 under which protocols 0 to 2 write some names of Python 3. */
const otherNames: ReadonlyMap<string, string> = new Map(
  ['set', 'frozenset', 'list', 'dict', 'tuple', 'bytearray', 'int', 'float', 'str', 'object', 'complex'].map((name) => [
    `__builtin__.${name}`,
    `builtins.${name}`,
  ]),
);

/**
 * Classes that training programs leave in checkpoints beside the weights: settings, paths, numbers
 * of numpy. Their objects hold only data and are not read: each becomes a placeholder that holds
 * nothing.
 */
const passedOver: ReadonlySet<string> = new Set([
  'argparse.Namespace',
  'builtins.complex',
  'builtins.float',
  'builtins.int',
  'builtins.object',
  'builtins.str',
  'numpy.core.multiarray._reconstruct',
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray._reconstruct',
  'numpy._core.multiarray.scalar',
  'numpy._core.numeric._frombuffer',
  'numpy.core.numeric._frombuffer',
  'numpy.dtype',
  'numpy.ndarray',
  'omegaconf.base.ContainerMetadata',
  'omegaconf.base.Metadata',
  'omegaconf.dictconfig.DictConfig',
  'omegaconf.listconfig.ListConfig',
  'omegaconf.nodes.AnyNode',
  'omegaconf.nodes.BooleanNode',
  'omegaconf.nodes.FloatNode',
  'omegaconf.nodes.IntegerNode',
  'omegaconf.nodes.StringNode',
  'pathlib.PosixPath',
  'pathlib.PurePosixPath',
  'pathlib.PureWindowsPath',
  'pathlib.WindowsPath',
  'pytorch_lightning.callbacks.early_stopping.EarlyStopping',
  'pytorch_lightning.callbacks.lr_monitor.LearningRateMonitor',
  'pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint',
  'torch.device',
  'torch.Tensor',
  'torch.nn.parameter.Buffer',
  'torch.nn.parameter.Parameter',
  'typing.Any',
]);

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

function tensorOf(value: PickleValue | undefined, refuse: Refuse): PickleTensor {
  return value instanceof PickleTensor ? value : refuse('a tensor', describeValue(value));
}

/**
 * Builds a tensor from the parameters of `_rebuild_tensor` and `_rebuild_tensor_v2`. Their further
 * parameters concern training and are ignored.
 */
const tensor: Build = ([storage, offset, shape, strides], refuse) =>
  buildTensor(storage, offset, shape, strides, undefined, refuse);

/**
 * Names that may be called, with the functions that build the results. All of these are functions
 * of this file: nothing that a pickle names is ever imported, looked up or run.
 */
const known: ReadonlyMap<string, Build> = new Map<string, Build>([
  ['collections.OrderedDict', ([pairs], refuse) => dictionary(pairs, refuse)],
  ['collections.Counter', ([counts], refuse) => dictionary(counts, refuse)],
  ['collections.defaultdict', ([, pairs], refuse) => dictionary(pairs, refuse)],
  ['collections.deque', ([items], refuse) => list(itemsOf(items, refuse))],
  ['pytorch_lightning.utilities.parsing.AttributeDict', ([pairs], refuse) => dictionary(pairs, refuse)],
  ['builtins.dict', ([pairs], refuse) => dictionary(pairs, refuse)],
  ['builtins.list', ([items], refuse) => list(itemsOf(items, refuse))],
  ['builtins.tuple', tuple],
  ['builtins.set', set],
  ['builtins.frozenset', set],
  ['builtins.bytearray', bytes],
  ['_codecs.encode', bytes],
  ['torch.Size', tuple],
  ['torch._utils._rebuild_tensor', tensor],
  ['torch._utils._rebuild_tensor_v2', tensor],
  [
    'torch._utils._rebuild_tensor_v3',
    (parameters, refuse) => {
      const [storage, offset, shape, strides, , , dtype] = parameters;
      const known = dtype instanceof PickleName ? dtypes.get(dtype.name) : undefined;
      if (!known) return refuse(`a dtype of ${[...dtypes.keys()].join(', ')}`, describeValue(dtype));
      return buildTensor(storage, offset, shape, strides, known, refuse);
    },
  ],
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

  /** Returns the name that a pickle mentions; undefined where the name must be refused. */
  resolve(module: string, name: string): PickleName | undefined {
    const written = `${module}.${name}`;
    const full = otherNames.get(written) ?? written;
    const allowed = known.has(full) || storageDtypes.has(full) || dtypes.has(full) || this.#isPassedOver(full);
    return allowed ? new PickleName(full) : undefined;
  }

  /** Returns the result of calling a name or of making an object of a class. */
  call({ name }: PickleName, parameters: PickleValue, refuse: Refuse): PickleValue {
    if (this.#isPassedOver(name)) return new PicklePlaceholder(name);
    return call(name, parameters, refuse);
  }

  #isPassedOver(name: string): boolean {
    if (known.has(name)) return false;
    return passedOver.has(name) || this.#exact.has(name) || this.#prefixes.some((prefix) => name.startsWith(prefix));
  }
}

function call(name: string, parameters: PickleValue, refuse: Refuse): PickleValue {
  const build = known.get(name);
  if (!build) return refuse('only tensors and plain containers to be built', `a call of ${name}`);
  if (!(parameters instanceof PickleTuple)) return refuse(`a tuple of what ${name} takes`, describeValue(parameters));
  return build(parameters.items, refuse);
}
