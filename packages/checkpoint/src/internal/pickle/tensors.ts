import { formatShape } from '@vitvq/core';
import { boundedName } from '../bounded-name.js';
import type { SafetensorsDtype } from '../../dtypes.js';
import { isSizes } from '../../safetensors-header.js';
import { storageTypes, type ElementType } from './element-types.js';
import {
  PickleDictionary,
  PickleName,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  PickleUnreadTensor,
  describeValue,
  type PickleValue,
  type Refuse,
} from './values.js';

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
  if (!storageTypes.has(name)) {
    return refuse(`a storage of ${[...storageTypes.keys()].join(', ')}`, describeValue(type));
  }
  if (typeof writtenKey !== 'string') return refuse('the key of a storage to be a text', describeValue(writtenKey));
  const key = boundedName(writtenKey, 'keys', refuse);
  if (!isSize(length)) return refuse(`the length of storage ${describeValue(key)}`, describeValue(length));
  const elements = storageTypes.get(name);
  if (view === null) return new PickleStorage(key, elements, length, 0, length);
  if (elements === undefined) return refuse('a storage of bytes to be no view', 'a view');
  const [, offset, viewLength] = view instanceof PickleTuple ? view.items : [];
  if (!isSize(offset) || !isSize(viewLength) || offset + viewLength > length) {
    return refuse(`a view within the ${length} elements of storage ${describeValue(key)}`, describeValue(offset));
  }
  return new PickleStorage(key, elements, viewLength, offset, length);
}

/** What `_rebuild_tensor`, `_rebuild_tensor_v2` and `_rebuild_tensor_v3` of PyTorch take. */
export interface TensorParts {
  readonly storage: PickleValue | undefined;
  readonly offset: PickleValue | undefined;
  readonly shape: PickleValue | undefined;
  readonly strides: PickleValue | undefined;
  /** Type of the elements, where the storage has none. */
  readonly ownType?: ElementType;
  /** What is left to do to the values. */
  readonly metadata?: PickleValue | undefined;
}

/**
 * Builds a tensor whose elements all lie in its storage, or one that is not read where its values
 * cannot be had.
 * @throws what `refuse` throws
 */
export function buildTensor(parts: TensorParts, refuse: Refuse): PickleTensor | PickleUnreadTensor {
  const { storage, offset, shape, strides, ownType, metadata } = parts;
  if (!(storage instanceof PickleStorage)) return refuse('the storage of a tensor', describeValue(storage));
  const type = ownType ?? storage.type;
  if (type === undefined) return refuse('a storage with a type for a tensor without one', 'bytes');
  const { dtype } = type;
  if (dtype === undefined) return new PickleUnreadTensor(type.name);
  const pending = pendingOf(metadata, dtype);
  if (typeof pending === 'string') return new PickleUnreadTensor(`${type.name} with ${pending}`);
  const sizes = sizesOf(shape);
  const steps = sizesOf(strides);
  if (!sizes || !steps || sizes.length !== steps.length || !isSize(offset)) {
    return refuse(
      `a tensor to have a shape, as many strides, and an offset, none of them negative`,
      `${describeSizes(shape)}, ${describeSizes(strides)}, ${describeValue(offset)}`,
    );
  }
  // The bytes of a storage without a type count as elements of the type of its tensor.
  const length = storage.type === undefined ? Math.floor(storage.length / type.bytes) : storage.length;
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
  return new PickleTensor(storage, dtype, storage.offset + offset, sizes, steps, pending.isNegated);
}

/** Types whose values PyTorch can negate. */
const negatable: ReadonlySet<SafetensorsDtype> = new Set([
  'F64',
  'F32',
  'F16',
  'BF16',
  'I64',
  'I32',
  'I16',
  'I8',
  'U8',
]);

/**
 * Returns what PyTorch has put off for a tensor: it may save a tensor before its values are
 * conjugated or negated. Real numbers are their own conjugates.
 * @returns a description of what is not known here
 */
function pendingOf(
  metadata: PickleValue | undefined,
  dtype: SafetensorsDtype,
): { readonly isNegated: boolean } | string {
  if (metadata === undefined || metadata === null) return { isNegated: false };
  if (!(metadata instanceof PickleDictionary)) return `metadata that are ${describeValue(metadata)}`;
  for (const [name, value] of metadata.entries) {
    if ((name !== 'conj' && name !== 'neg') || typeof value !== 'boolean') return `metadata ${describeValue(name)}`;
  }
  const isNegated = metadata.entries.get('neg') === true;
  return isNegated && !negatable.has(dtype) ? 'the negative bit' : { isNegated };
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
