import { elementBytes, type SafetensorsDtype } from '../../dtypes.js';

/** Type of the elements of a tensor of PyTorch. */
export interface ElementType {
  /** Name in `torch`. */
  readonly name: string;
  /** Bytes of an element. */
  readonly bytes: number;
  /** Type as which values are read; undefined where they are not. */
  readonly dtype?: SafetensorsDtype;
}

const dtypes: Readonly<Record<string, SafetensorsDtype>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2',
  float8_e8m0fnu: 'F8_E8M0',
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

/** Bytes of an element of the types whose values are neither float32 nor int32. */
const unreadBytes: Readonly<Record<string, number>> = {
  complex128: 16,
  complex64: 8,
  complex32: 4,
  bcomplex32: 4,
  float8_e4m3fnuz: 1,
  float8_e5m2fnuz: 1,
  float4_e2m1fn_x2: 1,
  qint32: 4,
  qint8: 1,
  quint8: 1,
  quint4x2: 1,
  quint2x4: 1,
  bits16: 2,
  bits8: 1,
  bits1x8: 1,
  bits2x4: 1,
  bits4x2: 1,
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7].flatMap((bits) => [`int${bits}`, `uint${bits}`].map((name) => [name, 1])),
  ),
};

const all: readonly ElementType[] = [
  ...Object.entries(dtypes).map(([name, dtype]) => ({ name, bytes: elementBytes(dtype), dtype })),
  ...Object.entries(unreadBytes).map(([name, bytes]) => ({ name, bytes })),
];

/** Types of elements by the names of `torch.dtype`, such as `torch.float32`. */
export const elementTypes: ReadonlyMap<string, ElementType> = new Map(all.map((type) => [`torch.${type.name}`, type]));

const storageNames: Readonly<Record<string, string>> = {
  Double: 'float64',
  Float: 'float32',
  Half: 'float16',
  BFloat16: 'bfloat16',
  Long: 'int64',
  Int: 'int32',
  Short: 'int16',
  Char: 'int8',
  Byte: 'uint8',
  Bool: 'bool',
  ComplexDouble: 'complex128',
  ComplexFloat: 'complex64',
  QInt32: 'qint32',
  QInt8: 'qint8',
  QUInt8: 'quint8',
  QUInt4x2: 'quint4x2',
  QUInt2x4: 'quint2x4',
};

/**
 * Types of the elements of storages, by the names of the storages' classes; undefined for storages
 * of bytes.
 */
export const storageTypes: ReadonlyMap<string, ElementType | undefined> = new Map<string, ElementType | undefined>([
  ...Object.entries(storageNames).map(([name, type]): [string, ElementType] => [
    `torch.${name}Storage`,
    elementTypes.get(`torch.${type}`)!,
  ]),
  ['torch.storage.UntypedStorage', undefined],
  ['torch.storage._UntypedStorage', undefined],
]);
