import koffi from 'koffi';
import { WorkerError } from '../backend/worker-server.js';
import {
  majorVersion,
  namedValueWords,
  oldestMinorVersion,
  pjrtFunctions,
  pjrtStructs,
  tableHeaderWords,
  type FieldOf,
  type PjrtFunctionName,
  type PjrtStructName,
} from './api-table.js';

/** What a field of a struct takes: a number, an address, or memory whose address is meant. */
export type Word = number | bigint | ArrayBufferView | undefined;

/**
 * Zeros after the last field that is known here. A plug-in that knows more fields finds them unset;
 * without them, it would refuse the struct as too small.
 */
const spareWords = 8;
/** Bytes of a word. */
export const wordBytes = 8;
/** A table that claims more than this is none; version 0.114 has 143. */
const mostWords = 10_000;
const headerWords = 2;

const callType = koffi.proto('void *PjrtFunction(void *arguments)');
const deleterType = koffi.proto('void PjrtDeleter(void *object)');

/**
 * Memory that other memory points to. An entry lives as long as its key, so that the garbage
 * collector takes nothing that a plug-in may still read through a pointer.
 */
const pointees = new WeakMap<ArrayBufferView, ArrayBufferView[]>();

/** Returns memory with one word for each value; it keeps alive what it points to. */
export function words(values: readonly Word[]): Buffer {
  const memory = Buffer.alloc(values.length * wordBytes);
  const kept: ArrayBufferView[] = [];
  values.forEach((value = 0, index) => {
    const isMemory = typeof value === 'object';
    if (isMemory) kept.push(value);
    const word = isMemory ? addressOf(value) : BigInt(value);
    memory.writeBigUInt64LE(BigInt.asUintN(64, word), index * wordBytes);
  });
  pointees.set(memory, kept);
  return memory;
}

function addressOf(memory: ArrayBufferView): bigint {
  return memory.byteLength === 0 ? 0n : BigInt(koffi.address(memory));
}

/** Returns a struct of the PJRT C API, with the fields that are given. */
export function struct<S extends PjrtStructName>(
  name: S,
  fields: Partial<Record<(typeof pjrtStructs)[S][number], Word>>,
): Buffer {
  return layOut(pjrtStructs[name], fields);
}

function layOut(order: readonly string[], fields: Readonly<Record<string, Word>>): Buffer {
  const size = (headerWords + order.length + spareWords) * wordBytes;
  const spare = Array.from({ length: spareWords }, () => 0);
  return words([size, 0, ...order.map((field) => fields[field]), ...spare]);
}

const wordAt = (memory: Buffer, index: number): bigint => memory.readBigUInt64LE(index * wordBytes);

/** Copies memory of the plug-in. */
export function bytesAt(address: bigint | Buffer, count: number): Buffer {
  return count === 0 ? Buffer.alloc(0) : Buffer.from(new Uint8Array(koffi.view(address, count)));
}

/** Copies words of the plug-in's memory. */
export function wordsAt(address: bigint | Buffer, count: number): bigint[] {
  const memory = bytesAt(address, count * wordBytes);
  return Array.from({ length: count }, (_, index) => wordAt(memory, index));
}

/** Copies text of the plug-in. */
export const textAt = (address: bigint, size: bigint): string => bytesAt(address, Number(size)).toString('utf8');

/** Calls a function of the plug-in that frees an object. */
export function callDeleter(deleter: bigint, object: bigint): void {
  if (deleter !== 0n) koffi.call(deleter, deleterType, object);
}

/** A call of a function of the plug-in in another thread. */
type AsyncCall = (memory: Buffer, done: (failure: Error | null, result: unknown) => void) => void;

/** Returns the address of the error that a function has returned; 0 for none. */
const errorOf = (pointer: unknown): bigint => (pointer ? BigInt(koffi.address(pointer)) : 0n);

/** A plug-in's table of functions, which is checked before the first call. */
export class PjrtApi {
  readonly version: { readonly major: number; readonly minor: number };
  /** File of the plug-in. */
  readonly path: string;
  readonly #table: readonly bigint[];
  #awaitInPool: { readonly async: AsyncCall } | undefined;

  /**
   * Loads a plug-in, which stays in the process: its threads and registries outlive every client.
   * @param table  the plug-in's table of functions. @default the one that the library gives
   * @throws {WorkerError} for a file that is no plug-in, and for a version whose table is another
   */
  constructor(path: string, table: bigint | Buffer = loadTable(path)) {
    this.path = path;
    const [bytes, , , , version] = wordsAt(table, tableHeaderWords) as [bigint, bigint, bigint, bigint, bigint];
    this.version = { major: Number(version & 0xffffffffn), minor: Number(version >> 32n) };
    const { major, minor } = this.version;
    const count = Math.floor(Number(bytes) / wordBytes);
    if (major !== majorVersion || minor < oldestMinorVersion || count < tableHeaderWords || count > mostWords) {
      throw new WorkerError({
        expected: `a plug-in with the PJRT C API ${majorVersion}.${oldestMinorVersion} or newer`,
        got: `${major}.${minor} and a table of ${bytes} bytes in ${path}`,
        fix: 'Install a newer plug-in.',
      });
    }
    this.#table = wordsAt(table, count);
    this.call('PJRT_Plugin_Initialize', {});
  }

  /** Whether the plug-in has a function; new versions of the API append some. */
  has(name: PjrtFunctionName): boolean {
    return (this.#table[tableHeaderWords + pjrtFunctions[name].place] ?? 0n) !== 0n;
  }

  /**
   * Calls a function and returns the fields of its argument afterwards, in which it leaves results.
   * @throws {WorkerError} when the plug-in lacks the function or returns an error
   */
  call<F extends PjrtFunctionName>(
    name: F,
    fields: Partial<Record<FieldOf<F>, Word>>,
  ): Readonly<Record<FieldOf<F>, bigint>> {
    const { memory, error } = this.#invoke(name, fields);
    this.#throwIfFailed(name, error);
    const order: readonly string[] = pjrtFunctions[name].fields;
    const entries = order.map((field, index) => [field, wordAt(memory, headerWords + index)] as const);
    return Object.fromEntries(entries) as Record<FieldOf<F>, bigint>;
  }

  #throwIfFailed(name: PjrtFunctionName, error: bigint): void {
    if (error !== 0n) throw new WorkerError({ got: `${name}: ${this.#takeMessage(error)}` });
  }

  #invoke(name: PjrtFunctionName, fields: Readonly<Record<string, Word>>): { memory: Buffer; error: bigint } {
    const memory = layOut(pjrtFunctions[name].fields, fields);
    return { memory, error: errorOf(koffi.call(this.#addressOf(name), callType, memory)) };
  }

  /** Returns where a function lies. */
  #addressOf(name: PjrtFunctionName): bigint {
    if (!this.has(name)) {
      throw new WorkerError({
        expected: `the plug-in to have the function ${name}`,
        got: `a table without it, of version ${this.version.major}.${this.version.minor}, in ${this.path}`,
        fix: 'Install a newer plug-in.',
      });
    }
    return this.#table[tableHeaderWords + pjrtFunctions[name].place]!;
  }

  /** Returns the message of an error and frees the error. */
  #takeMessage(error: bigint): string {
    const { memory } = this.#invoke('PJRT_Error_Message', { error });
    const text = textAt(wordAt(memory, headerWords + 1), wordAt(memory, headerWords + 2));
    this.#invoke('PJRT_Error_Destroy', { error });
    return text;
  }

  /** Blocks until an event is over, and frees it. */
  awaitEvent(event: bigint): void {
    if (event === 0n) return;
    try {
      this.call('PJRT_Event_Await', { event });
    } finally {
      this.call('PJRT_Event_Destroy', { event });
    }
  }

  /**
   * Settles when an event is over, and frees it. A thread of the process's pool waits meanwhile.
   */
  async whenOver(event: bigint): Promise<void> {
    if (event === 0n) return;
    const name = 'PJRT_Event_Await';
    const call = (this.#awaitInPool ??= koffi.decode(this.#addressOf(name), callType) as { async: AsyncCall });
    const memory = layOut(pjrtFunctions[name].fields, { event });
    try {
      const result = await new Promise<unknown>((resolve, reject) => {
        call.async(memory, (failure, value) => (failure ? reject(failure) : resolve(value)));
      });
      this.#throwIfFailed(name, errorOf(result));
    } finally {
      this.call('PJRT_Event_Destroy', { event });
    }
  }

  /** Returns what the plug-in says about itself, such as its versions of XLA and StableHLO. */
  attributes(): string {
    if (!this.has('PJRT_Plugin_Attributes')) return '';
    const { attributes, attributeCount } = this.call('PJRT_Plugin_Attributes', {});
    const all = wordsAt(attributes, Number(attributeCount) * namedValueWords);
    const texts: string[] = [];
    for (let start = 0; start < all.length; start += namedValueWords) {
      const [, , name, nameSize, kind, value, size] = all.slice(start) as [...bigint[]] & Record<number, bigint>;
      texts.push(`${textAt(name!, nameSize!)} ${attributeText(Number(kind! & 0xffffffffn), value!, size!)}`);
    }
    return texts.sort().join(', ');
  }
}

/** Formats the value of an attribute by its kind: text, integer, integers, float or flag. */
function attributeText(kind: number, value: bigint, size: bigint): string {
  if (kind === 0) return textAt(value, size);
  if (kind === 2) return wordsAt(value, Number(size)).join('.');
  return String(value);
}

/**
 * Plug-ins that were loaded. koffi unloads a library when nothing refers to it any more, and a
 * table of functions is only numbers.
 */
const loaded: unknown[] = [];

/** Flag of `dlopen`: symbols are looked up when they are used. */
const lazily = 1;

/**
 * Keeps a library in the process when this thread ends, which koffi would unload then: threads of
 * XLA end later and run code of it. Windows has no `dlopen`, and no plug-in was tried there.
 */
function keepInProcess(path: string): void {
  if (process.platform === 'win32') return;
  const open = koffi.load(null).func('void *dlopen(const char *path, int flags)') as (...values: unknown[]) => unknown;
  open(path, lazily);
}

function loadTable(path: string): bigint {
  try {
    const library = koffi.load(path);
    loaded.push(library);
    keepInProcess(path);
    const getApi = library.func('void *GetPjrtApi()') as () => unknown;
    const table = getApi();
    if (!table) throw new Error('it gives no table of functions');
    return BigInt(koffi.address(table));
  } catch (error) {
    throw new WorkerError({
      expected: 'a PJRT plug-in, a shared library with the function GetPjrtApi',
      got: `${path}: ${error instanceof Error ? error.message : String(error)}`,
      fix: 'Name the file of a plug-in in VITVQ_PJRT_PLUGIN.',
    });
  }
}
