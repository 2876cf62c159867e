import { typedArray, type TypedArray } from './ir/graph.js';

/**
 * Returns the numbers of a range as the cpu backend of TensorFlow.js computes them: their count
 * from the ends, each number from the one before in the precision of the dtype.
 */
export function rangeValues(start: number, stop: number, step: number, dtype: 'float32' | 'int32'): TypedArray {
  const isEmpty = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
  const values = typedArray(dtype, isEmpty ? 0 : Math.abs(Math.ceil((stop - start) / step)));
  // A step of 1 is the default, which leads downwards where the range does.
  const signedStep = stop < start && step === 1 ? -1 : step;
  for (let index = 0; index < values.length; index++) {
    values[index] = index === 0 ? start : values[index - 1]! + signedStep;
  }
  return values;
}
