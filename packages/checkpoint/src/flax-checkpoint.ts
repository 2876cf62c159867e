import { DataError, type HostTensor } from '@vitvq/core';
import { InputFile } from '@vitvq/files';
import { elementBytes, toHostData, type SafetensorsDtype } from './dtypes.js';
import { foreignFormat, formatBytes } from './internal/foreign-format.js';
import { MsgpackCursor } from './internal/msgpack-cursor.js';
import { quote } from './internal/scan-json.js';
import type { TensorEntry, TensorFile } from './tensor-source.js';

/** An open checkpoint of Flax. The caller closes it. */
export interface FlaxCheckpoint extends TensorFile {
  readonly format: 'msgpack';
  /** Arrays in the order of the file, by the keys around them with slashes. */
  readonly entries: readonly TensorEntry[];
  /** What else the file holds, by name, with what it is: numbers, texts, complex arrays. */
  readonly unread: ReadonlyMap<string, string>;
}

/** Deepest nesting of dictionaries. */
const maximumDepth = 16;
/** Largest number of keys in the file. */
const maximumKeys = 200_000;
/** Largest number of bytes of a key, and of characters of a name. */
const maximumNameLength = 1024;
/** Largest number of characters of all names. */
const maximumNamesLength = 64 * 2 ** 20;
/** Largest number of axes, that of numpy. */
const maximumRank = 64;
/** Largest number of bytes of the name of a type. */
const maximumTypeLength = 32;

/** Key of a dictionary that stands for an array of a gibibyte and more, in pieces. */
const chunkedKey = '__msgpack_chunked_array__';

/** What Flax calls its extension types. */
const extensionTypes = { array: 1, complex: 2, scalar: 3 } as const;

/** Element types by their names in numpy. */
const dtypes: Readonly<Record<string, SafetensorsDtype>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
};

/** Place of the elements of an array in the file. */
interface Place {
  readonly begin: number;
  readonly end: number;
}

/**
 * Opens a file of `flax.serialization.to_bytes`: nested dictionaries of arrays in MessagePack,
 * whose extension type 1 is an array of numpy (shape, name of the type, elements in row-major
 * order). Each array is read from its place when it is asked for, so that a file takes little more
 * memory than its largest array.
 *
 * Limits: 200,000 keys, a nesting of 16, names of 1,024 characters and 64 Mi together,
 * 64 axes. Arrays of a gibibyte
 * and more, which Flax writes in pieces, are refused.
 * @throws {DataError} naming the file and the problem
 */
export async function openFlaxCheckpoint(file: string): Promise<FlaxCheckpoint> {
  const input = await InputFile.open(file, 'a checkpoint of Flax');
  try {
    const found = foreignFormat(await input.read(0, Math.min(input.size, formatBytes)));
    if (found?.name !== 'msgpack') {
      const got = found?.what ?? 'something else';
      throw new DataError({ where: file, expected: 'a checkpoint of Flax', got, fix: found?.fix });
    }
    const { arrays, unread } = await new FlaxReader(input).read();
    const read = async ({ name }: TensorEntry): Promise<HostTensor> => {
      const { entry, place } = arrays.get(name) ?? refuseTensor(name, unread.get(name), file);
      const bytes = await input.read(place.begin, place.end);
      return { shape: entry.shape, data: toHostData(bytes, entry.dtype, name, file) };
    };
    const entries = [...arrays.values()].map(({ entry }) => entry);
    return { file, format: 'msgpack', entries, unread, read, close: () => input.close() };
  } catch (error) {
    await input.close();
    throw error;
  }
}

/** @throws {DataError} saying that there is no such array, or why it is not read */
function refuseTensor(name: string, what: string | undefined, where: string): never {
  throw new DataError({ where, expected: `an array ${quote(name)}`, got: what ?? 'none of that name' });
}

/** Finds the arrays of a file. */
class FlaxReader {
  readonly #input: InputFile;
  readonly #cursor: MsgpackCursor;
  readonly #arrays = new Map<string, { readonly entry: TensorEntry; readonly place: Place }>();
  readonly #unread = new Map<string, string>();
  #keys = 0;
  #namesLength = 0;

  constructor(input: InputFile) {
    this.#input = input;
    this.#cursor = new MsgpackCursor(input);
  }

  /** @throws {DataError} */
  async read(): Promise<{
    readonly arrays: ReadonlyMap<string, { readonly entry: TensorEntry; readonly place: Place }>;
    readonly unread: ReadonlyMap<string, string>;
  }> {
    const head = await this.#cursor.head();
    if (head.kind !== 'map') return this.#refuse('a dictionary of arrays', `a value of the kind ${head.kind}`);
    await this.#dictionary(head.count, '', 1);
    if (this.#cursor.left > 0) this.#refuse('the end of the file', `${this.#cursor.left} bytes more`);
    return { arrays: this.#arrays, unread: this.#unread };
  }

  async #dictionary(count: number, prefix: string, depth: number): Promise<void> {
    if (depth > maximumDepth) this.#refuse(`dictionaries nested ${maximumDepth} deep`, 'a deeper one');
    this.#keys += count;
    if (this.#keys > maximumKeys) this.#refuse(`at most ${maximumKeys} keys`, 'more');
    for (let index = 0; index < count; index++) {
      const key = await this.#text(maximumNameLength, `a key of at most ${maximumNameLength} bytes`);
      const name = `${prefix}${key}`;
      if (name.length > maximumNameLength) {
        this.#refuse(`names of at most ${maximumNameLength} characters`, `one of ${name.length}, ${quote(name)}`);
      }
      if (key === chunkedKey) {
        this.#refuse('arrays in one piece, below a gibibyte', `one in several, ${quote(prefix.slice(0, -1))}`);
      }
      await this.#value(name, depth);
    }
  }

  async #value(name: string, depth: number): Promise<void> {
    const head = await this.#cursor.head();
    switch (head.kind) {
      case 'map':
        return this.#dictionary(head.count, `${name}/`, depth + 1);
      case 'extension':
        return this.#extension(name, head.type, head.length);
      case 'text':
      case 'binary':
        this.#cursor.skip(head.length);
        this.#pass(name, head.kind === 'text' ? 'a text' : 'bytes');
        return;
      case 'array':
        return this.#refuse(
          `a dictionary or an array of numpy for ${quote(name)}`,
          'a list, which Flax does not write',
        );
      default:
        this.#pass(name, head.kind === 'nil' ? 'nothing' : 'a number');
    }
  }

  async #extension(name: string, type: number, length: number): Promise<void> {
    if (type === extensionTypes.array) return this.#array(name, this.#cursor.position + length);
    this.#cursor.skip(length);
    const isNumber = type === extensionTypes.complex || type === extensionTypes.scalar;
    this.#pass(name, isNumber ? 'a number' : `an extension of type ${type}`);
  }

  /** Reads everything of an array but its elements, which go up to `end`. */
  async #array(name: string, end: number): Promise<void> {
    const cursor = this.#cursor;
    const refuse = (got: string): never =>
      this.#refuse(`array ${quote(name)} as a shape, a type and its elements`, got);
    const tuple = await cursor.head();
    if (tuple.kind !== 'array' || tuple.count !== 3) return refuse('something else');
    const axes = await cursor.head();
    if (axes.kind !== 'array' || axes.count > maximumRank) return refuse(`no shape of at most ${maximumRank} axes`);
    const shape: number[] = [];
    for (let axis = 0; axis < axes.count; axis++) {
      const size = await cursor.head();
      if (size.kind !== 'integer' || size.value < 0) return refuse('a shape of other than sizes');
      shape.push(size.value);
    }
    const type = await this.#text(maximumTypeLength, `the name of the type of array ${quote(name)}`);
    const elements = await cursor.head();
    const { position: begin } = cursor;
    if (elements.kind !== 'binary' || begin + elements.length !== end) return refuse('elements of another length');
    cursor.skip(elements.length);
    if (!Object.hasOwn(dtypes, type)) {
      this.#pass(name, `an array of ${quote(type)}`);
      return;
    }
    const dtype = dtypes[type]!;
    const bytes = shape.reduce((product, size) => product * size, elementBytes(dtype));
    if (bytes !== elements.length) {
      const expected = `array ${quote(name)} of ${type} [${shape.join(', ')}] to have ${bytes} bytes`;
      this.#refuse(expected, `${elements.length}`);
    }
    this.#assertNew(name);
    this.#arrays.set(name, { entry: { name, shape, dtype }, place: { begin, end } });
  }

  async #text(maximum: number, expected: string): Promise<string> {
    const head = await this.#cursor.head();
    if (head.kind !== 'text') return this.#refuse(expected, `a value of the kind ${head.kind}`);
    if (head.length > maximum) return this.#refuse(expected, `${head.length} bytes`);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(await this.#cursor.bytes(head.length));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return this.#refuse(`${expected} in UTF-8`, 'other bytes');
    }
  }

  #pass(name: string, what: string): void {
    this.#assertNew(name);
    this.#unread.set(name, what);
  }

  #assertNew(name: string): void {
    this.#namesLength += name.length;
    if (this.#namesLength > maximumNamesLength)
      this.#refuse(`names of ${maximumNamesLength} characters at most`, 'more');
    if (this.#arrays.has(name) || this.#unread.has(name)) this.#refuse('names that differ', `${quote(name)} twice`);
  }

  #refuse(expected: string, got: string): never {
    throw new DataError({ where: this.#input.path, expected, got });
  }
}
