import type { Dialect } from '../dialect.js';
import { runtimeHeader } from '../proto.js';
import { compositeRule, runtimeComposites, standardComposites } from '../rules/composite.js';
import { convolutionRules } from '../rules/convolution.js';
import { elementwiseRules, exactRules } from '../rules/elementwise.js';
import { movementRules } from '../rules/movement.js';
import { fusedProduct, productRules } from '../rules/product.js';
import { reductionRules } from '../rules/reduction.js';

const composites: Dialect['composites'] = { ...standardComposites, ...runtimeComposites };

/** ONNX as the engine's own ONNX Runtime takes it: opset 20 and the runtime's FusedMatMul. */
export const onnxRuntime: Dialect = {
  name: 'ONNX Runtime',
  header: runtimeHeader,
  operations: {
    ...elementwiseRules,
    ...exactRules,
    ...movementRules,
    ...reductionRules,
    ...productRules(fusedProduct),
    ...convolutionRules,
    composite: compositeRule(composites),
  },
  composites,
};
