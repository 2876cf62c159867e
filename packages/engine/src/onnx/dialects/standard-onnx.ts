import type { Dialect, Rule } from '../dialect.js';
import { compositeRule, standardComposites } from '../rules/composite.js';
import { productRules, standardProduct } from '../rules/product.js';
import { reduceOperators, reductionRules } from '../rules/reduction.js';
import { onnxRuntime } from './onnx-runtime.js';

/** Version of the standard's operators in exported files; they need no others. */
export const standardOpset = 17;

/** Before opset 18, only sums take their axes as an input. */
const reduce: Rule<'reduce'> = (w, operation) => {
  const { kind, axes } = operation.attributes;
  if (kind === 'sum') return reductionRules.reduce(w, operation);
  return w.emit(reduceOperators[kind], [w.full(operation.operands[0]!)], { axes, keepdims: 0 });
};

/** ONNX for any runtime: operators of the standard's default domain alone. */
export const standardOnnx: Dialect = {
  name: 'standard ONNX',
  // The version of the file format that came with the opset.
  header: { irVersion: 8, operators: [{ domain: '', version: standardOpset }] },
  operations: {
    ...onnxRuntime.operations,
    ...productRules(standardProduct),
    reduce,
    composite: compositeRule(standardComposites),
  },
  composites: standardComposites,
};
