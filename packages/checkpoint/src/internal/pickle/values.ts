import { boundedName } from '../bounded-name.js';
import type { SafetensorsDtype } from '../../dtypes.js';
import type { ElementType } from './element-types.js';

/** Throws the error of a file. The caller knows only the reasons, and not the file. */
export type Refuse = (expected: string, got: string, fix?: string) => never;

/**
 * Values that unpickling may build: plain values, plain containers, descriptions of tensors, and
 * placeholders that hold nothing.
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
  | PickleUnreadTensor
  | PicklePlaceholder;

/** A tuple. Unlike a list, it never changes: nothing else may hold its items. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A list. */
export class PickleList {
  readonly items: PickleValue[] = [];
}

/** A set. */
export class PickleSet {
  readonly items: PickleValue[] = [];
}

/**
 * A dictionary of the entries whose keys are strings. Other entries are dropped, because nothing
 * reads them, and because a pickle could choose numbers that all have the same hash, so that each
 * would be compared with all before it. A `Map` has no prototype that a key could reach.
 */
export class PickleDictionary {
  readonly #entries = new Map<string, PickleValue>();

  /** @param isModule  whether it stands for a module of a script, whose attributes are entries */
  constructor(readonly isModule = false) {}

  get entries(): ReadonlyMap<string, PickleValue> {
    return this.#entries;
  }

  set(key: PickleValue, value: PickleValue, refuse: Refuse): void {
    if (typeof key === 'string') this.#entries.set(boundedName(key, 'keys', refuse), value);
  }
}

/**
 * What is known of a name: it is built, it is passed over, or it is in no table and is a class of
 * some package or anything else (a function, whatever belongs to Python itself).
 */
export type Standing = 'built' | 'passed over' | 'unknown class' | 'unknown';

/** A class or function that a pickle mentions, known by its name alone. */
export class PickleName {
  constructor(
    readonly name: string,
    readonly standing: Standing = 'built',
  ) {}
}

/**
 * Placeholder for an object of a class that is passed over. It holds nothing, whatever the pickle
 * states of its content.
 */
export class PicklePlaceholder {
  constructor(
    readonly name: string,
    /** Whether the class is in no table, so that its objects may hold plain values alone. */
    readonly isUnknown = false,
  ) {}
}

/** A storage: an array of numbers outside of the pickle. */
export class PickleStorage {
  constructor(
    readonly key: string,
    /** Type of the elements; undefined for a storage of bytes, whose tensors state their types. */
    readonly type: ElementType | undefined,
    /** Number of elements, or of bytes. */
    readonly length: number,
    /**
     * Element of the storage of that key at which it starts: a storage can be a view of another.
     */
    readonly offset: number,
    /** Number of elements that the storage of that key must have. */
    readonly wholeLength: number,
  ) {}
}

/** Place of a tensor in a storage. Strides and offset count elements. */
export class PickleTensor {
  constructor(
    readonly storage: PickleStorage,
    readonly dtype: SafetensorsDtype,
    /** Element of the storage of that key at which it starts. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    /** Whether the values are the negative ones of what the storage holds. */
    readonly isNegated = false,
  ) {}
}

/** A tensor whose values are not read. Nothing is known of its storage. */
export class PickleUnreadTensor {
  /** @param what  why they are not, such as `complex64` or `a sparse tensor` */
  constructor(readonly what: string) {}
}

/** Returns a description of a value for an error message. */
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
  if (value instanceof PickleTensor || value instanceof PickleUnreadTensor) return 'a tensor';
  if (value instanceof Uint8Array) return 'bytes';
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
