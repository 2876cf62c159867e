import type { GraphBuilder } from '../ir/builder.js';
import { sizeOf, type Graph, type OperationOf, type Value } from '../ir/graph.js';
import { mapOperations } from './map-operations.js';

/**
 * Largest number of result places of a convolution that is written as one matrix product per place.
 */
const mostPlaces = 25;

/**
 * Writes every convolution in the layout that processors prefer, [B, C, H, W], between transposes.
 * `simplify` then moves the transposes through the operations between convolutions, where most of
 * them cancel. The gradient of a kernel, a convolution whose kernel is as large as an image and
 * whose result is as large as a kernel, becomes one matrix product for each place of its result.
 */
export function channelsFirst(graph: Graph): Graph {
  return mapOperations(graph, (b, operation, operands) => {
    if (operation.kind !== 'convolution') return undefined;
    const [image, kernel] = operands as [Value, Value];
    const { attributes } = operation;
    if (attributes.layout === 'channels_first') return undefined;
    const x = b.transpose(image, [0, 3, 1, 2]);
    const weights = b.transpose(kernel, [3, 2, 0, 1]);
    const [, rows, columns] = operation.results[0]!.shape as [number, number, number];
    const y =
      rows * columns <= mostPlaces && sizeOf(kernel.shape.slice(0, 2)) > rows * columns && isPlain(attributes)
        ? productsByPlace(b, x, weights, attributes, [rows, columns])
        : b.convolution(x, weights, { ...attributes, layout: 'channels_first' });
    return [b.convert(b.transpose(y, [0, 2, 3, 1]), image.dtype)];
  });
}

type Attributes = OperationOf<'convolution'>['attributes'];

const isPlain = ({ lhsDilation }: Attributes): boolean => lhsDilation.every((step) => step === 1);

/**
 * Returns the pixels of `[B, C, H, W]` that are whole steps away from a place, from the edge on.
 * Windows with steps between their pixels then are slices without steps, which are several times
 * faster. `simplify` merges those of different places, so that each pixel is picked once.
 */
function phaseAt(b: GraphBuilder, image: Value, steps: readonly [number, number], at: readonly number[]): Value {
  const [batch, channels, ...sides] = image.shape as [number, number, number, number];
  const from = at.map((place, axis) => place % steps[axis]!);
  return b.slice(image, [0, 0, ...from], [batch, channels, ...sides], [1, 1, ...steps]);
}

/**
 * Computes y[b, o, i, j] as the product of the kernel and the part of the image under the kernel at
 * (i, j). Cutting out a part column by column is slow, so that the kernel is moved instead: the
 * rows under it are multiplied whole by a kernel that is 0 beside its columns. `simplify` merges
 * the rows that columns have in common, and the kernels that rows do.
 *
 * For the gradient of a kernel, the channels are the images of a batch. They are summed last where
 * the products of all images are fewer numbers than the operands, whose planes then stay where they
 * are in memory.
 */
function productsByPlace(
  b: GraphBuilder,
  image: Value,
  kernel: Value,
  { padding, strides, rhsDilation }: Attributes,
  [rows, columns]: readonly [number, number],
): Value {
  const [batch, channels] = image.shape as [number, number];
  const [features, , height, width] = kernel.shape as [number, number, number, number];
  const grow = (side: number): number => Math.max(0, padding[side]!);
  const padded = b.pad(image, [0, 0, grow(0), grow(1)], [0, 0, grow(2), grow(3)], 0);
  const sumsLast = rows * columns * batch * features < (rows * batch + columns * features) * height * width;
  const axes = sumsLast
    ? { lhsBatch: [1], rhsBatch: [1], lhsContract: [2, 3], rhsContract: [2, 3] }
    : { lhsBatch: [], rhsBatch: [], lhsContract: [1, 2, 3], rhsContract: [1, 2, 3] };
  const places: Value[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      // A negative padding crops, so that the first place lies further inside.
      const at = [row, column].map((place, axis) => place * strides[axis]! + Math.max(0, -padding[axis]!));
      const phase = phaseAt(b, padded, rhsDilation, at);
      const [top, left] = at.map((from, axis) => Math.floor(from / rhsDilation[axis]!)) as [number, number];
      const phaseWidth = phase.shape[3]!;
      const under = b.slice(phase, [0, 0, top, 0], [batch, channels, top + height, phaseWidth]);
      const moved = b.pad(kernel, [0, 0, 0, left], [0, 0, 0, phaseWidth - width - left], 0);
      const products = b.dotGeneral(under, moved, axes); // [(C,) B, O]
      places.push(b.reshape(products, [1, ...products.shape]));
    }
  }
  const all = b.concatenate(places, 0);
  // A sum of many narrow numbers would lose digits.
  const sums = sumsLast ? b.reduce('sum', b.convert(all, 'float32'), [1]) : all; // [places, B, O]
  const stacked = b.reshape(sums, [rows, columns, batch, features]);
  return b.transpose(stacked, [2, 3, 0, 1]);
}
