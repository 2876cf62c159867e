import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../src/ir/builder.js';
import type { Graph, Value } from '../src/ir/graph.js';
import { interpret } from '../src/ir/interpret.js';
import { printGraph } from '../src/ir/print.js';
import { inlineComposites } from '../src/passes/inline-composites.js';
import { simplify } from '../src/passes/simplify.js';

/** A graph of one float32 [2, 3] input. */
function graphOf(build: (b: GraphBuilder, x: Value) => Value[]): Graph {
  const builder = new GraphBuilder();
  const x = builder.input([2, 3], 'float32');
  return builder.finish(build(builder, x));
}

const kinds = (graph: Graph): string[] => graph.operations.map(({ kind }) => kind);

/** What is left of a graph after simplification, which must not change what it computes. */
function simplified(build: (b: GraphBuilder, x: Value) => Value[]): string[] {
  const graph = graphOf(build);
  const simple = simplify(graph);
  const x = tf.tensor2d([
    [1, -2, 3],
    [0.5, 0, -1],
  ]);
  const [before, after] = [interpret(graph, [x]), interpret(simple, [x])];
  before.forEach((tensor, index) => expect(after[index]!).toBeAllClose(tensor, { rtol: 0, atol: 0 }));
  return kinds(simple);
}

describe('simplify', () => {
  it('gives equal operations one result', () => {
    expect(simplified((b, x) => [b.binary('add', b.unary('tanh', x), b.unary('tanh', x))])).toEqual(['tanh', 'add']);
  });

  it('drops what nothing reads', () => {
    expect(
      simplified((b, x) => {
        b.unary('tanh', x);
        return [b.unary('negate', x)];
      }),
    ).toEqual(['negate']);
  });

  it.each([
    ['x + 0', (b: GraphBuilder, x: Value) => b.binary('add', x, b.splat(0))],
    ['0 + x', (b: GraphBuilder, x: Value) => b.binary('add', b.splat(0), x)],
    ['x - 0', (b: GraphBuilder, x: Value) => b.binary('subtract', x, b.splat(0))],
    ['x * 1', (b: GraphBuilder, x: Value) => b.binary('multiply', x, b.splat(1))],
    ['x / 1', (b: GraphBuilder, x: Value) => b.binary('divide', x, b.splat(1))],
    ['-(-x)', (b: GraphBuilder, x: Value) => b.unary('negate', b.unary('negate', x))],
    ['a transpose and back', (b: GraphBuilder, x: Value) => b.transpose(b.transpose(x, [1, 0]), [1, 0])],
    ['a reshape and back', (b: GraphBuilder, x: Value) => b.reshape(b.reshape(x, [6]), [2, 3])],
    ['reversed twice', (b: GraphBuilder, x: Value) => b.reverse(b.reverse(x, [1]), [1])],
    ['a whole slice', (b: GraphBuilder, x: Value) => b.slice(x, [0, 0], [2, 3])],
  ])('removes %s', (_, build) => {
    expect(simplified((b, x) => [build(b, x)])).toEqual([]);
  });

  it('chooses between products where a choice between numbers is multiplied by one', () => {
    const build = (b: GraphBuilder, x: Value): Value[] => {
      const choice = b.select(b.compare('GT', x, b.splat(0)), b.splat(1), b.splat(0.25));
      return [b.binary('multiply', choice, b.splat(3))];
    };
    expect(simplified(build)).not.toContain('multiply');
  });

  it('drops the factor [x > 0] beside a factor relu(x), and nowhere else', () => {
    const product = (b: GraphBuilder, x: Value, factor: Value): Value[] => {
      const step = b.select(b.compare('GT', x, b.splat(0)), b.splat(1), b.splat(0));
      return [b.binary('multiply', b.binary('multiply', b.splat(2), factor), step)];
    };
    expect(simplified((b, x) => product(b, x, b.binary('maximum', x, b.splat(0))))).not.toContain('select');
    expect(simplified((b, x) => product(b, x, b.binary('maximum', b.splat(0), x)))).not.toContain('select');
    expect(simplified((b, x) => product(b, x, b.binary('maximum', x, b.splat(1))))).toContain('select');
    expect(simplified((b, x) => product(b, x, b.unary('tanh', x)))).toContain('select');
  });

  it('keeps x * 0, which is not 0 for every x', () => {
    expect(simplified((b, x) => [b.binary('multiply', x, b.splat(0))])).toContain('multiply');
  });

  it('does elementwise work before a broadcast', () => {
    const build = (b: GraphBuilder, x: Value): Value[] => {
      const sum = b.broadcastTo(b.reduce('sum', x, [0, 1]), [2, 3]);
      return [b.binary('multiply', x, b.binary('divide', sum, b.splat(6)))];
    };
    const graph = simplify(graphOf(build));
    expect(simplified(build)).toContain('broadcast_in_dim');
    const divide = graph.operations.find(({ kind }) => kind === 'divide')!;
    expect(divide.results[0]!.shape).toEqual([]);
  });

  it('computes with constants of one value', () => {
    const build = (b: GraphBuilder, x: Value): Value[] => [
      b.binary('multiply', x, b.binary('add', b.splat(1, [2, 3]), b.unary('negate', b.splat(3, [2, 3])))),
    ];
    expect(simplified(build)).toEqual(['constant', 'multiply']);
  });

  it('does not merge what composites compute again on purpose with what was computed before them', () => {
    const build = (b: GraphBuilder, x: Value): Value[] => {
      const body = new GraphBuilder(1000);
      const y = body.input([2, 3], 'float32');
      const graph = body.finish([body.unary('negate', body.unary('tanh', y))]);
      const again = b.composite({ name: 'again', attributes: {}, body: graph }, [x])[0]!;
      return [b.binary('add', b.unary('tanh', x), again)];
    };
    expect(kinds(inlineComposites(simplify(graphOf(build)))).filter((kind) => kind === 'tanh').length).toBe(2);
  });
});

describe('printGraph', () => {
  it('shows types, attributes, constants and bodies', () => {
    const text = printGraph(
      graphOf((b, x) => {
        const body = new GraphBuilder(100);
        const y = body.input([2, 3], 'float32');
        const negated = b.composite(
          { name: 'minus', attributes: { a: 1 }, body: body.finish([body.unary('negate', y)]) },
          [x],
        );
        return [b.binary('add', negated[0]!, b.values(Float32Array.of(1, 2, 3), [3], 'float32'))];
      }),
    );
    expect(text).toContain('%1 = composite(%0) "minus" {"a":1} : float32[2x3]');
    expect(text).toContain('%101 = negate(%100) : float32[2x3]');
    expect(text).toContain('%2 = constant() (1, 2, 3) : float32[3]');
    expect(text).toContain('{dimensions: [1]}');
  });
});
