import type { Dialect } from '../dialect.js';
import { compositeRule, standardComposites } from '../rules/composite.js';
import { elementwiseRules } from '../rules/elementwise.js';
import { productRules, standardProduct } from '../rules/product.js';
import { reduceRule } from '../rules/reduction.js';
import { onnxRuntime } from './onnx-runtime.js';

/** Version of the standard's operators in exported files; they need no others. */
export const standardOpset = 17;

/** Before opset 18, only sums take their axes as an input. */
const reduce = reduceRule((w, opType, x, axes) =>
  opType === 'ReduceSum'
    ? w.emit(opType, [x, w.integers(axes)], { keepdims: 0 })
    : w.emit(opType, [x], { axes, keepdims: 0 }),
);

/** ONNX for any runtime: operators of the standard's default domain alone. */
export const standardOnnx: Dialect = {
  name: 'standard ONNX',
  // The version of the file format that came with the opset.
  header: { irVersion: 8, operators: [{ domain: '', version: standardOpset }] },
  operations: {
    ...onnxRuntime.operations,
    ...elementwiseRules,
    ...productRules(standardProduct),
    reduce,
    composite: compositeRule(standardComposites),
  },
  composites: standardComposites,
};
