import protobuf from 'protobufjs';
import type { HostType, TypedArray } from '../ir/graph.js';

/**
 * The part of ONNX's published onnx.proto3 schema that is written here. Field numbers are the wire
 * format and never change.
 */
const schema = protobuf.Root.fromJSON({
  nested: {
    Model: {
      fields: {
        irVersion: { type: 'int64', id: 1 },
        producerName: { type: 'string', id: 2 },
        graph: { type: 'Graph', id: 7 },
        opsetImport: { rule: 'repeated', type: 'OperatorSet', id: 8 },
        metadataProps: { rule: 'repeated', type: 'MetadataEntry', id: 14 },
      },
    },
    MetadataEntry: { fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } } },
    OperatorSet: { fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } } },
    Graph: {
      fields: {
        node: { rule: 'repeated', type: 'Node', id: 1 },
        name: { type: 'string', id: 2 },
        initializer: { rule: 'repeated', type: 'TensorData', id: 5 },
        input: { rule: 'repeated', type: 'ValueInfo', id: 11 },
        output: { rule: 'repeated', type: 'ValueInfo', id: 12 },
      },
    },
    Node: {
      fields: {
        input: { rule: 'repeated', type: 'string', id: 1 },
        output: { rule: 'repeated', type: 'string', id: 2 },
        name: { type: 'string', id: 3 },
        opType: { type: 'string', id: 4 },
        attribute: { rule: 'repeated', type: 'Attribute', id: 5 },
        domain: { type: 'string', id: 7 },
      },
    },
    Attribute: {
      fields: {
        name: { type: 'string', id: 1 },
        f: { type: 'float', id: 2 },
        i: { type: 'int64', id: 3 },
        s: { type: 'bytes', id: 4 },
        ints: { rule: 'repeated', type: 'int64', id: 8 },
        type: { type: 'int32', id: 20 },
      },
    },
    TensorData: {
      fields: {
        dims: { rule: 'repeated', type: 'int64', id: 1 },
        dataType: { type: 'int32', id: 2 },
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
        externalData: { rule: 'repeated', type: 'MetadataEntry', id: 13 },
        dataLocation: { type: 'int32', id: 14 },
      },
    },
    ValueInfo: { fields: { name: { type: 'string', id: 1 }, type: { type: 'TypeInfo', id: 2 } } },
    TypeInfo: { fields: { tensorType: { type: 'TensorType', id: 1 } } },
    TensorType: { fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'Shape', id: 2 } } },
    Shape: { fields: { dim: { rule: 'repeated', type: 'Dimension', id: 1 } } },
    Dimension: { fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } } },
  },
});
const modelType = schema.lookupType('Model');

/** ONNX's numbers for element types. */
const elementType = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16 } as const;

/** ONNX's data location of values that are not in the model. */
const externalLocation = 1;

/** Value of an attribute: integers, `{ float }` for a float, strings. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** An operator with the names of its operands and results. */
export interface OnnxNode {
  readonly opType: string;
  readonly domain: string;
  readonly inputs: string[];
  readonly outputs: string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A constant of a model. */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: keyof typeof elementType;
  /**
   * Values; the bits of float16 are in a Uint16Array. `external` values are given beside the model,
   * under the tensor's name.
   */
  readonly data: TypedArray | BigInt64Array | Uint16Array | 'external';
}

/**
 * An input or output; with `Size` `number | string`, sizes may have names, which stand for any
 * number.
 */
export interface OnnxValue<Size = number> {
  readonly name: string;
  readonly shape: readonly Size[];
  readonly dtype: HostType;
}

/** An input or output of any rank, or of an element type that graphs have not. */
export interface OnnxOpenValue {
  readonly name: string;
  readonly shape: readonly (number | string)[] | undefined;
  readonly dtype: keyof typeof elementType;
}

/** A model without its header. */
export interface OnnxModel<Size = number> {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue<Size>[];
  readonly outputs: readonly OnnxValue<Size>[];
}

/** Domain of the operators of ONNX Runtime itself. */
export const microsoft = 'com.microsoft';

/** What models for the engine's own ONNX Runtime are written in. */
export const runtimeHeader: OnnxHeader = {
  irVersion: 9,
  operators: [
    { domain: '', version: 20 },
    { domain: microsoft, version: 1 },
  ],
};

/** Versions of the file format and of the operators that a model declares. */
export interface OnnxHeader {
  readonly irVersion: number;
  readonly operators: readonly { readonly domain: string; readonly version: number }[];
}

/** Converts an attribute: numbers are integers, `{ float }` is a float, strings are bytes. */
function attribute(name: string, value: OnnxAttribute): Record<string, unknown> {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: 1, f: value.float };
  return { name, type: 7, ints: value };
}

/** Converts the description of an input or output. */
function valueInfo({ name, shape, dtype }: OnnxOpenValue): Record<string, unknown> {
  const dim = shape?.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: elementType[dtype], ...(dim && { shape: { dim } }) } } };
}

/**
 * Writes a model as an ONNX file.
 * @param metadata  notes in the file, for people and programs
 */
export function encodeModel(
  model: Pick<OnnxModel, 'nodes' | 'initializers'> & {
    readonly inputs: readonly OnnxOpenValue[];
    readonly outputs: readonly OnnxOpenValue[];
  },
  { irVersion, operators }: OnnxHeader,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return modelType
    .encode({
      irVersion,
      producerName: 'vitvq',
      opsetImport: operators,
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      graph: {
        name: 'vitvq',
        node: model.nodes.map(({ opType, domain, inputs, outputs, attributes }, index) => ({
          opType,
          domain,
          name: `${opType}_${index}`,
          input: inputs,
          output: outputs,
          attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
        })),
        initializer: model.initializers.map(({ name, shape, type, data }) => ({
          name,
          dims: shape,
          dataType: elementType[type],
          ...(data === 'external'
            ? { externalData: [{ key: 'location', value: name }], dataLocation: externalLocation }
            : { rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }),
        })),
        input: model.inputs.map(valueInfo),
        output: model.outputs.map(valueInfo),
      },
    })
    .finish();
}
