import { boundedName } from '../bounded-name.js';
import type { SafetensorsDtype } from '../../dtypes.js';

/** Throws the error of a file; only its reasons are known where it is called. */
export type Refuse = (expected: string, got: string, fix?: string) => never;

/**
 * What unpickling may build: plain values, plain containers, descriptions of tensors, and
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
  | PicklePlaceholder;

/** Unlike a list, it never changes: nothing else may hold its items. */
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
 * Entries whose keys are texts; others are dropped, since nothing reads them. Numbers as keys would
 * let a pickle choose ones that all hash alike, and each would be compared with all before it. A
 * Map has no prototype to reach.
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

/** A class or function that the pickle mentions, known by its name alone. */
export class PickleName {
  constructor(readonly name: string) {}
}

/** Stands for an object of a class that is passed over, whatever the pickle says of its content. */
export class PicklePlaceholder {
  constructor(readonly name: string) {}
}

/** A run of numbers outside of the pickle. */
export class PickleStorage {
  constructor(
    readonly key: string,
    /** Of its elements; undefined for a storage of bytes, whose tensors say what they are. */
    readonly dtype: SafetensorsDtype | undefined,
    /** Elements, or bytes. */
    readonly length: number,
    /**
     * Where it starts within the storage of that key, in elements: storages can be views of others.
     */
    readonly offset: number,
    /** Elements that the storage of that key must have. */
    readonly wholeLength: number,
  ) {}
}

/** How a tensor lies in a storage; strides and offset count elements. */
export class PickleTensor {
  constructor(
    readonly storage: PickleStorage,
    readonly dtype: SafetensorsDtype,
    /** From the start of the storage of that key. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** A value as it may appear in a message. */
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
