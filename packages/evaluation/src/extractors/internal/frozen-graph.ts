import type { TensorEntry, TensorFile } from '@vitvq/checkpoint';
import { DataError, elementCount, formatShape, printable } from '@vitvq/core';
import { InputFile, readBytes } from '@vitvq/files';
import protobuf from 'protobufjs';

/** Largest file. Inception has 96 MB. */
const maximumBytes = 256 * 2 ** 20;
const maximumAxes = 8;
/** Largest number of constants. The graph of Inception has fewer than a thousand. */
const maximumConstants = 10_000;
const noun = 'a frozen graph of TensorFlow';

/** Field numbers of GraphDef, NodeDef, AttrValue and TensorProto, and the number of float32. */
const fields = {
  graph: { node: 1 },
  node: { name: 1, operation: 2, attribute: 5 },
  entry: { key: 1, value: 2 },
  attribute: { tensor: 8 },
  tensor: { type: 1, shape: 2, content: 4, floats: 5 },
  shape: { dimension: 2 },
  dimension: { size: 1 },
} as const;
const float32 = 1;

/** Wire type of what has a length. */
const withLength = 2;

/** A constant of a graph. */
interface Constant {
  readonly shape: readonly number[];
  readonly content: Uint8Array;
}

/** Returns whether a file begins like a graph: with a node that has a name and an operation. */
export async function isFrozenGraph(file: string): Promise<boolean> {
  const input = await InputFile.open(file, noun);
  try {
    const start = Buffer.from(await input.read(0, Math.min(input.size, 300))).toString('latin1');
    return /^\n.{1,4}\n.[\w./-]+\x12.[A-Z]\w+/s.test(start);
  } finally {
    await input.close();
  }
}

/**
 * Opens the float32 constants of a frozen graph of TensorFlow 1 (a `.pb` file), whose weights they
 * are. The graph itself is not looked at.
 * @throws {DataError} naming the file and the problem
 */
export async function openFrozenGraph(file: string): Promise<TensorFile> {
  const bytes = await readBytes(file, noun, maximumBytes);
  const constants = new Map<string, Constant>();
  try {
    eachField(bytes, (field, node) => {
      if (field === fields.graph.node && node) addConstant(node, constants, file);
    });
  } catch (error) {
    if (error instanceof DataError) throw error;
    const fix = 'The file is damaged or was cut off.';
    throw new DataError({ where: file, expected: noun, got: (error as Error).message, fix }, { cause: error });
  }
  const entries = [...constants].map(([name, { shape }]): TensorEntry => ({ name, shape, dtype: 'F32' }));
  const read: TensorFile['read'] = ({ name }) => {
    const { shape, content } = constants.get(name)!;
    const data = new Float32Array(elementCount(shape));
    if (content.length === 4) data.fill(Buffer.from(content).readFloatLE());
    else new Uint8Array(data.buffer).set(content);
    return Promise.resolve({ shape, data });
  };
  return { file, entries, read, close: () => Promise.resolve() };
}

/** Adds a node where it is a constant of float32 with its values in one piece. */
function addConstant(node: Uint8Array, constants: Map<string, Constant>, where: string): void {
  let name = '';
  let operation = '';
  let tensor: Uint8Array | undefined;
  eachField(node, (field, content) => {
    if (!content) return;
    if (field === fields.node.name) name = Buffer.from(content).toString('utf8');
    if (field === fields.node.operation) operation = Buffer.from(content).toString('utf8');
    if (field === fields.node.attribute) tensor = tensorOf(content) ?? tensor;
  });
  if (operation !== 'Const' || !tensor) return;
  const shape: number[] = [];
  let type = 0;
  let content: Uint8Array = new Uint8Array();
  eachField(tensor, (field, bytes, value) => {
    if (field === fields.tensor.type) type = value;
    // Both hold little-endian float32; a file has one of them.
    if ((field === fields.tensor.content || field === fields.tensor.floats) && bytes?.length) content = bytes;
    if (field === fields.tensor.shape && bytes && shape.length <= maximumAxes) shape.push(...shapeOf(bytes));
  });
  if (type !== float32 || shape.length > maximumAxes || content.length === 0) return;
  const label = printable(name.slice(0, 80));
  const isRepeated = content.length === 4; // A value that all elements have.
  if (!isRepeated && content.length !== 4 * elementCount(shape)) {
    const expected = `the values of ${label} ${formatShape(shape)}`;
    throw new DataError({ where, expected, got: `${content.length} bytes`, fix: 'The file is damaged.' });
  }
  if (constants.has(name)) throw new DataError({ where, expected: 'names that differ', got: `${label} twice` });
  if (constants.size >= maximumConstants) {
    throw new DataError({ where, expected: `at most ${maximumConstants} constants`, got: 'more' });
  }
  constants.set(name, { shape, content });
}

/** Returns the tensor of the attribute `value`. */
function tensorOf(entry: Uint8Array): Uint8Array | undefined {
  let key = '';
  let tensor: Uint8Array | undefined;
  eachField(entry, (field, content) => {
    if (!content) return;
    if (field === fields.entry.key) key = Buffer.from(content).toString('utf8');
    if (field !== fields.entry.value) return;
    eachField(content, (inner, bytes) => {
      if (inner === fields.attribute.tensor) tensor = bytes;
    });
  });
  return key === 'value' ? tensor : undefined;
}

function shapeOf(bytes: Uint8Array): number[] {
  const shape: number[] = [];
  eachField(bytes, (field, dimension) => {
    if (field !== fields.shape.dimension || !dimension || shape.length > maximumAxes) return;
    let size = 0;
    eachField(dimension, (inner, _, value) => {
      if (inner === fields.dimension.size) size = value;
    });
    shape.push(size);
  });
  return shape;
}

/**
 * Calls a function with each field of a message: its number, and its bytes where it has a length,
 * or its value where it is an integer. Nothing is kept of what is passed over.
 */
function eachField(
  message: Uint8Array,
  use: (field: number, bytes: Uint8Array | undefined, value: number) => void,
): void {
  const reader = protobuf.Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const [field, type] = [tag >>> 3, tag & 7];
    if (type === withLength) use(field, reader.bytes(), 0);
    else if (type === 0) use(field, undefined, Number(reader.uint64()));
    else reader.skipType(type);
  }
}
