/** Rules of composites that are one operator. */
import { CompileError } from '../../errors.js';
import type { DType, Value } from '../../ir/graph.js';
import type { CompositeRule, Dialect, Rule } from '../dialect.js';
import type { ModelWriter } from '../model-writer.js';
import { castTo } from './elementwise.js';

const layerNorm: CompositeRule = (w, { attributes: { attributes }, results }, inputs) => {
  const outputs = results.map(() => w.freshName());
  const epsilon = { float: attributes['epsilon'] as number };
  w.emitNode({ opType: 'LayerNormalization', inputs, outputs, attributes: { axis: -1, epsilon } });
  return outputs;
};

const alongAxis =
  (opType: string): CompositeRule =>
  (w, { attributes: { attributes } }, inputs) => [w.emit(opType, inputs, { axis: attributes['axis'] as number })];

const gelu =
  (approximate: 'none' | 'tanh'): CompositeRule =>
  (w, _, inputs) => [w.emit('Gelu', inputs, { approximate })];

/** How a barrier writes two operations that not every provider has kernels for. */
export interface BarrierNodes {
  /** Returns one element of a tensor, as a boolean `[1]`. */
  readonly element: (w: ModelWriter, name: string, dtype: DType) => string;
  readonly or: (w: ModelWriter, a: string, b: string) => string;
}

/**
 * Copies the operands so that each copy depends on an element of every operand. ONNX Runtime orders
 * nodes by what they read, and nothing else would keep it from running early what follows. The
 * choice is between two equal tensors.
 */
export function barrier({ element, or }: BarrierNodes): CompositeRule {
  return (w, { operands, results }, names) => {
    const choices = names.map((name, index) => element(w, name, operands[index]!.dtype));
    const choice = choices.reduce((all, each) => or(w, all, each));
    const isUsed = (result: Value): boolean => w.usersOf(result).length > 0 || w.isOutput(result);
    return names.map((name, index) => {
      const result = results[index]!;
      if (!isUsed(result)) return name;
      // Where takes no booleans; x or (x and anything) equals x too.
      if (result.dtype === 'bool') return or(w, name, w.emit('And', [name, choice]));
      return w.emit('Where', [choice, name, name]);
    });
  };
}

const runtimeBarrier = barrier({
  element: (w, name, dtype) => {
    const flat = w.emit('Reshape', [name, w.integers([-1])]);
    const first = w.emit('Slice', [flat, ...[0, 1, 0].map((bound) => w.integers([bound]))]);
    return dtype === 'bool' ? first : w.emit('Cast', [first], { to: castTo.bool });
  },
  or: (w, a, b) => w.emit('Or', [a, b]),
});

/** Composites that are one operator of the standard. */
export const standardComposites: Dialect['composites'] = {
  layer_norm: layerNorm,
  softmax: alongAxis('Softmax'),
  log_softmax: alongAxis('LogSoftmax'),
};

/** Composites that ONNX Runtime, or a later opset, has operators for besides. */
export const runtimeComposites: Dialect['composites'] = {
  gelu: gelu('none'),
  gelu_tanh: gelu('tanh'),
  optimization_barrier: runtimeBarrier,
};

/** Returns the rule of the operation `composite` with a table of composites. */
export function compositeRule(composites: Dialect['composites']): Rule<'composite'> {
  return (w, operation) => {
    const { name } = operation.attributes;
    const rule = composites[name];
    if (!rule) {
      throw new CompileError({
        where: 'ONNX lowering',
        expected: `one of the composites ${Object.keys(composites).join(', ')}`,
        got: `"${name}"`,
        fix: 'Inline it first.',
      });
    }
    const inputs = operation.operands.map((operand) => w.full(operand));
    return rule(w, operation, inputs);
  };
}
