/** Rules of composites that StableHLO has an operation for. */
import { CompileError } from '../../../errors.js';
import { sizeOf, type Value } from '../../../ir/graph.js';
import type { CompositeRule } from '../dialect.js';
import { tensorType } from '../literals.js';

const barrier: CompositeRule = (w, { operands }) => {
  const names = operands.map((operand) => w.of(operand)).join(', ');
  const text = `stablehlo.optimization_barrier ${names} : ${operands.map(tensorType).join(', ')}`;
  return operands.length === 1 ? w.emit(text) : w.emitMany(operands.length, text);
};

/**
 * Writes rows into a state, in its memory where it is donated. StableHLO moves rows that do not fit
 * to where they fit; here, nothing is written then.
 */
const writeRows: CompositeRule = (w, { attributes: { attributes }, operands }) => {
  const [state, rows, position] = operands as [Value, Value, Value];
  const axis = attributes['axis'] as number;
  const scalar = { shape: [], dtype: 'int32' } as const;
  const truth = { shape: [], dtype: 'bool' } as const;
  const at = sizeOf(position.shape) === 1 ? w.reshape(w.of(position), position, scalar) : w.of(position);
  const room = state.shape[axis]! - rows.shape[axis]!;
  const fits = w.elementwise(
    'and',
    [w.compare('GE', at, w.scalar(0, 'int32'), scalar), w.compare('LE', at, w.scalar(room, 'int32'), scalar)],
    truth,
  );
  const starts = state.shape.map((_, index) => (index === axis ? at : w.scalar(0, 'int32'))).join(', ');
  const indexTypes = state.shape.map(() => tensorType(scalar)).join(', ');
  const old = w.emit(
    `stablehlo.dynamic_slice ${w.of(state)}, ${starts}, sizes = [${rows.shape.join(', ')}] : (${tensorType(state)}, ${indexTypes}) -> ${tensorType(rows)}`,
  );
  const everywhere = w.broadcast(fits, truth, { shape: rows.shape, dtype: 'bool' }, []);
  const written = w.select(everywhere, w.of(rows), old, rows);
  return w.emit(
    `stablehlo.dynamic_update_slice ${w.of(state)}, ${written}, ${starts} : (${tensorType(state)}, ${tensorType(rows)}, ${indexTypes}) -> ${tensorType(state)}`,
  );
};

const rules: Readonly<Record<string, CompositeRule>> = { optimization_barrier: barrier, write_rows: writeRows };

/** Whether a composite is written as one operation; all others must be inlined first. */
export const hasCompositeRule = (name: string): boolean => Object.hasOwn(rules, name);

/** Writes a composite. */
export const compositeRule: CompositeRule = (w, operation) => {
  const { name } = operation.attributes;
  if (!hasCompositeRule(name)) {
    throw new CompileError({
      where: 'StableHLO lowering',
      expected: `one of the composites ${Object.keys(rules).join(', ')}`,
      got: name,
      fix: 'Run the pass inlineComposites before.',
    });
  }
  return rules[name]!(w, operation);
};
