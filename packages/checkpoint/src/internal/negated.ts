import { DataError, type HostTensor } from '@vitvq/core';
import type { SafetensorsDtype } from '../dtypes.js';

/**
 * Returns the negative of the values of a tensor, which it may change. Integers wrap around as
 * those of their type do.
 * @throws {DataError} naming the tensor, for an integer of 64 bits whose negative does not fit
 *   int32
 */
export function negated(
  data: HostTensor['data'],
  dtype: SafetensorsDtype,
  name: string,
  where: string,
): HostTensor['data'] {
  if (dtype === 'I64' && data.includes(-(2 ** 31))) {
    throw new DataError({ where, expected: `the I64 values of tensor ${name} to fit int32`, got: `${2 ** 31}` });
  }
  for (let index = 0; index < data.length; index++) data[index] = -data[index]!;
  // An Int32Array has wrapped around already.
  if (dtype === 'I16') return Int32Array.from(Int16Array.from(data));
  if (dtype === 'I8') return Int32Array.from(Int8Array.from(data));
  return dtype === 'U8' ? Int32Array.from(Uint8Array.from(data)) : data;
}
