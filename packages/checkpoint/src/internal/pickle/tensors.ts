import { formatShape } from '@vitvq/core';
import { boundedName } from '../bounded-name.js';
import { elementBytes, type SafetensorsDtype } from '../../dtypes.js';
import { isSizes } from '../../safetensors-header.js';
import {
  PickleName,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  describeValue,
  type PickleValue,
  type Refuse,
} from './values.js';

/** Types of the elements of storages, by the names of the storages' classes in `torch`. */
export const storageDtypes: ReadonlyMap<string, SafetensorsDtype | undefined> = new Map<
  string,
  SafetensorsDtype | undefined
>([
  ['torch.DoubleStorage', 'F64'],
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
  ['torch.storage.UntypedStorage', undefined],
  ['torch.storage._UntypedStorage', undefined],
]);

/** Largest number of axes, which is the limit of PyTorch. */
const maximumRank = 64;

/**
 * Largest number of values of an expanded tensor, which repeats those of its storage, or the size
 * of its storage where that is more. Otherwise a few bytes could ask for any amount of memory.
 */
const maximumExpanded = 2 ** 24;

/**
 * Builds the storage that a persistent id describes: `('storage', class, key, location, elements)`,
 * with a view as a sixth item before PyTorch 0.4 and in legacy files.
 * @throws what `refuse` throws
 */
export function buildStorage(id: PickleValue, refuse: Refuse): PickleStorage {
  if (!(id instanceof PickleTuple) || id.items[0] !== 'storage') {
    const kind = id instanceof PickleTuple ? id.items[0] : id;
    return refuse('storages of tensors as the only things outside of the pickle', describeValue(kind));
  }
  const [, type, writtenKey, , length, view = null] = id.items;
  const name = type instanceof PickleName ? type.name : '';
  if (!storageDtypes.has(name)) {
    return refuse(`a storage of ${[...storageDtypes.keys()].join(', ')}`, describeValue(type));
  }
  if (typeof writtenKey !== 'string') return refuse('the key of a storage to be a text', describeValue(writtenKey));
  const key = boundedName(writtenKey, 'keys', refuse);
  if (!isSize(length)) return refuse(`the length of storage ${describeValue(key)}`, describeValue(length));
  const dtype = storageDtypes.get(name);
  if (view === null) return new PickleStorage(key, dtype, length, 0, length);
  if (dtype === undefined) return refuse('a storage of bytes to be no view', 'a view');
  const [, offset, viewLength] = view instanceof PickleTuple ? view.items : [];
  if (!isSize(offset) || !isSize(viewLength) || offset + viewLength > length) {
    return refuse(`a view within the ${length} elements of storage ${describeValue(key)}`, describeValue(offset));
  }
  return new PickleStorage(key, dtype, viewLength, offset, length);
}

/** Builds a tensor whose elements all lie in its storage. @throws what `refuse` throws */
export function buildTensor(
  storage: PickleValue | undefined,
  offset: PickleValue | undefined,
  shape: PickleValue | undefined,
  strides: PickleValue | undefined,
  ownDtype: SafetensorsDtype | undefined,
  refuse: Refuse,
): PickleTensor {
  if (!(storage instanceof PickleStorage)) return refuse('the storage of a tensor', describeValue(storage));
  const dtype = ownDtype ?? storage.dtype;
  if (dtype === undefined) return refuse('a storage with a type for a tensor without one', 'bytes');
  const sizes = sizesOf(shape);
  const steps = sizesOf(strides);
  if (!sizes || !steps || sizes.length !== steps.length || !isSize(offset)) {
    return refuse(
      `a tensor to have a shape, as many strides, and an offset, none of them negative`,
      `${describeSizes(shape)}, ${describeSizes(strides)}, ${describeValue(offset)}`,
    );
  }
  // The bytes of a storage without a type count as elements of the type of its tensor.
  const length = storage.dtype === undefined ? Math.floor(storage.length / elementBytes(dtype)) : storage.length;
  const count = sizes.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(count)) {
    return refuse('a shape of a tensor that can be', formatShape(sizes));
  }
  const last = sizes.reduce((sum, size, axis) => sum + (size - 1) * steps[axis]!, offset);
  if (count > 0 && !(last < length)) {
    return refuse(
      `a tensor ${formatShape(sizes)} with strides ${formatShape(steps)} from element ${offset} on within the ${length} ` +
        `elements of storage ${describeValue(storage.key)}`,
      `one that reaches element ${last}`,
    );
  }
  if (count > Math.max(length, maximumExpanded)) {
    return refuse(`an expanded tensor of at most ${maximumExpanded} values`, `${formatShape(sizes)}`);
  }
  return new PickleTensor(storage, dtype, storage.offset + offset, sizes, steps);
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && isSizes([value]);
}

/** Returns the sizes of axes in an array of their own, because checked sizes must not change. */
function sizesOf(value: PickleValue | undefined): number[] | undefined {
  if (!(value instanceof PickleTuple) || value.items.length > maximumRank) return undefined;
  const items = [...value.items];
  return isSizes(items) ? items : undefined;
}

function describeSizes(value: PickleValue | undefined): string {
  if (!(value instanceof PickleTuple)) return describeValue(value);
  const shown = value.items.slice(0, 8).map(describeValue);
  return `(${shown.join(', ')}${value.items.length > shown.length ? ', ...' : ''})`;
}
