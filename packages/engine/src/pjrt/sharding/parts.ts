import { sizeOf, typedArray, type HostType, type TypedArray } from '../../ir/graph.js';

/** Where a part lies in a tensor: along each axis, it is number `index` of `counts`. */
interface PartPlace {
  readonly shape: readonly number[];
  /** Shape of the part. */
  readonly part: readonly number[];
  readonly index: readonly number[];
}

/**
 * Calls a function for each run of neighbouring elements that a part shares with its tensor.
 * @param visit  takes where the run begins in the tensor, in the part, and its length
 */
function eachRun({ shape, part, index }: PartPlace, visit: (whole: number, own: number, length: number) => void): void {
  // Axes behind the last one that is cut are whole, so that their elements are neighbours.
  const cut = shape.findLastIndex((size, axis) => size !== part[axis]);
  const length = sizeOf(part.slice(Math.max(cut, 0)));
  const outer = part.slice(0, Math.max(cut, 0));
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const start = index.reduce((sum, place, axis) => sum + place * part[axis]! * strides[axis]!, 0);
  const runs = sizeOf(outer);
  for (let run = 0; run < runs; run++) {
    let rest = run;
    let whole = start;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      whole += (rest % outer[axis]!) * strides[axis]!;
      rest = Math.floor(rest / outer[axis]!);
    }
    visit(whole, run * length, length);
  }
}

/** Returns the elements of a part, in an array of their own unless the part is the tensor. */
export function takePart(values: TypedArray, dtype: HostType, place: PartPlace): TypedArray {
  if (sizeOf(place.part) === sizeOf(place.shape)) return values;
  const part = typedArray(dtype, sizeOf(place.part));
  eachRun(place, (whole, own, length) => part.set(values.subarray(whole, whole + length), own));
  return part;
}

/** Writes the elements of a part into an array of the whole tensor. */
export function putPart(values: TypedArray, part: TypedArray, place: PartPlace): void {
  eachRun(place, (whole, own, length) => values.set(part.subarray(own, own + length), whole));
}
