/** Kernels that combine or rank the elements of axes. */
import type { GraphBuilder } from '../ir/builder.js';
import type { ReduceKind, Value } from '../ir/graph.js';
import { axesOf, axisOf, like, sizeAlong, tableOf, type KernelTable, type TracedKernel } from './kernel-table.js';
import { traceBackend } from './trace-backend.js';

type ReduceAttributes = { axis?: number[]; keepDims?: boolean };

/** @param key  attribute in which TensorFlow.js names the axes */
const reduction =
  (kind: ReduceKind, key: 'axis' | 'reductionIndices' = 'axis'): TracedKernel =>
  (b, { x }, attributes) => {
    // TensorFlow.js sums booleans as integers.
    const operand = x!.dtype === 'bool' ? b.convert(x!, 'int32') : x!;
    const axes = axesOf(x!, attributes[key] as number[]);
    const reduced = b.reduce(kind, operand, axes, attributes['keepDims'] as boolean);
    const staysBoolean = x!.dtype === 'bool' && (kind === 'max' || kind === 'min');
    return staysBoolean ? b.compare('NE', reduced, like(b, reduced, 0)) : reduced;
  };

/** Softmax as a composite: every lowering has a kernel for it, and the body defines it. */
function softmax(outer: GraphBuilder, name: 'softmax' | 'log_softmax', logits: Value, dim: number): Value {
  const axis = axisOf(logits, dim);
  const b = traceBackend().active.nestedBuilder();
  const x = b.input(logits.shape, 'float32');
  const shifted = b.binary('subtract', x, b.reduce('max', x, [axis], true));
  const exponentials = b.unary('exponential', shifted);
  const sum = b.reduce('sum', exponentials, [axis], true);
  const y =
    name === 'softmax' ? b.binary('divide', exponentials, sum) : b.binary('subtract', shifted, b.unary('log', sum));
  return outer.composite({ name, attributes: { axis }, body: b.finish([y]) }, [logits])[0]!;
}

/** Kernels that combine or rank the elements of axes. */
export const reductionKernels: KernelTable = {
  Sum: reduction('sum'),
  Prod: reduction('product'),
  Max: reduction('max', 'reductionIndices'),
  Min: reduction('min'),
  Mean: (b, { x }, { axis, keepDims }: ReduceAttributes) => {
    const axes = axesOf(x!, axis);
    const sum = b.reduce('sum', b.convert(x!, 'float32'), axes, keepDims);
    // TensorFlow.js divides before it adds up, so that the mean of nothing is 0.
    return b.binary('divide', sum, b.splat(sizeAlong(x!, axes) || 1, sum.shape));
  },
  ...tableOf({ All: 'min', Any: 'max' } as const, (kind) => (b, { x }, { axis, keepDims }: ReduceAttributes) => {
    const reduced = b.reduce(kind, b.convert(x!, 'int32'), axesOf(x!, axis), keepDims);
    return b.compare('NE', reduced, b.splat(0, reduced.shape, 'int32'));
  }),
  ...tableOf(
    { ArgMax: 'max', ArgMin: 'min' } as const,
    (kind) =>
      (b, { x }, { axis }: { axis?: number }) =>
        b.argReduce(kind, x!.dtype === 'bool' ? b.convert(x!, 'int32') : x!, axisOf(x!, axis!)),
  ),
  Cumsum: (b, { x }, { axis, exclusive, reverse }: { axis?: number; exclusive?: boolean; reverse?: boolean }) =>
    b.cumulativeSum(x!, axisOf(x!, axis!), exclusive!, reverse!),
  TopK: (b, { x }, { k, sorted }: { k?: number; sorted?: boolean }) => b.topK(x!, k!, sorted!),
  Softmax: (b, { logits }, { dim }: { dim?: number }) => softmax(b, 'softmax', logits!, dim!),
  LogSoftmax: (b, { logits }, { axis }: { axis?: number }) => softmax(b, 'log_softmax', logits!, axis!),
};
