import { boundedName } from '../bounded-name.js';
import type { SafetensorsDtype } from '../../dtypes.js';

/** Throws the error of a file, given the expectation and the finding. The caller knows the file. */
export type Refuse = (expected: string, got: string, fix?: string) => never;

/**
 * Values that unpickling may build: plain values, plain containers, descriptions of tensors, and
 * empty placeholders.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleList
  | PickleDictionary
  | PickleSet
  | PickleName
  | PickleStorage
  | PickleTensor
  | PicklePlaceholder;

/** A tuple. It never changes, so no other object may hold its array of items. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A list, a deque or a similar sequence. */
export class PickleList {
  readonly items: PickleValue[] = [];
}

/** A set or a frozen set. */
export class PickleSet {
  readonly items: PickleValue[] = [];
}

/**
 * A dictionary. It keeps entries whose keys are strings, and drops all others because nothing reads
 * them. With numbers as keys, a pickle could choose keys with equal hashes, and each lookup would
 * compare all of them. The entries are a `Map`, which has no prototype that a key could reach.
 */
export class PickleDictionary {
  readonly #entries = new Map<string, PickleValue>();

  get entries(): ReadonlyMap<string, PickleValue> {
    return this.#entries;
  }

  set(key: PickleValue, value: PickleValue, refuse: Refuse): void {
    if (typeof key === 'string') this.#entries.set(boundedName(key, 'keys', refuse), value);
  }
}

/** The name of a class or function that the pickle mentions. */
export class PickleName {
  constructor(readonly name: string) {}
}

/** An empty placeholder for an object of a skipped class. */
export class PicklePlaceholder {
  constructor(readonly name: string) {}
}

/** Describes a storage: a sequence of numbers outside the pickle. */
export class PickleStorage {
  constructor(
    readonly key: string,
    /** Type of the elements; undefined for a storage of bytes, whose tensors have the type. */
    readonly dtype: SafetensorsDtype | undefined,
    /** Number of elements, or of bytes for a storage of bytes. */
    readonly length: number,
    /**
     * Start within the storage of that key, in elements: a storage can be a view of another one.
     */
    readonly offset: number,
    /** Number of elements that the storage of that key must have. */
    readonly wholeLength: number,
  ) {}
}

/** Describes the layout of a tensor in a storage. Strides and offset count elements. */
export class PickleTensor {
  constructor(
    readonly storage: PickleStorage,
    readonly dtype: SafetensorsDtype,
    /** Offset from the start of the storage of that key. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Formats a value for a message. */
export function describeValue(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof PickleName) return value.name;
  if (value instanceof PicklePlaceholder) return `an object of ${value.name}`;
  if (value instanceof PickleTuple) return 'a tuple';
  if (value instanceof PickleList) return 'a list';
  if (value instanceof PickleDictionary) return 'a dictionary';
  if (value instanceof PickleSet) return 'a set';
  if (value instanceof PickleStorage) return 'a storage';
  if (value instanceof PickleTensor) return 'a tensor';
  if (value instanceof Uint8Array) return 'bytes';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
