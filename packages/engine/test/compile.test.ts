import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { composite, detach } from '@vitvq/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { useEngine, type CompileEvent } from '../src/engines.js';
import { CompileError, EngineError } from '../src/errors.js';

const events: CompileEvent[] = [];

beforeAll(async () => {
  await useEngine({ name: 'onnx', threads: 1, onCompile: (event) => events.push(event) });
});
afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

const valuesOf = async (tensor: tf.Tensor): Promise<number[]> => {
  const values = await tensor.data();
  tensor.dispose();
  return [...values];
};

describe('compile', () => {
  it('takes and returns nested structures', async () => {
    const f = compile(({ a, list }: { a: tf.Tensor; list: tf.Tensor[] }) => ({
      sum: tf.add(a, list[0]!),
      rest: [tf.mul(a, list[1]!)],
    }));
    const { sum, rest } = await f({ a: tf.scalar(2), list: [tf.scalar(3), tf.scalar(4)] });
    expect(await valuesOf(sum)).toEqual([5]);
    expect(await valuesOf(rest[0]!)).toEqual([8]);
  });

  it('returns arguments, constants and the same tensor twice', async () => {
    const f = compile((x: tf.Tensor) => {
      const y = tf.mul(x, 2);
      return [x, tf.ones([2, 2]), y, y];
    });
    const results = await f(tf.tensor1d([1, 2]));
    expect(await Promise.all(results.map(valuesOf))).toEqual([
      [1, 2],
      [1, 1, 1, 1],
      [2, 4],
      [2, 4],
    ]);
  });

  it('reads and assigns variables, in the order of the program', async () => {
    const total = tf.variable(tf.scalar(1));
    const untouched = tf.variable(tf.scalar(10));
    const f = compile((x: tf.Tensor) => {
      const before = tf.add(total, 0.5);
      total.assign(tf.add(total, x));
      const between = tf.mul(total, untouched);
      total.assign(tf.mul(total, 2));
      return { before, between };
    });
    const first = await f(tf.scalar(2));
    expect(await valuesOf(first.before)).toEqual([1.5]);
    expect(await valuesOf(first.between)).toEqual([30]);
    expect(await total.data()).toEqual(Float32Array.of(6));
    tf.dispose(await f(tf.scalar(1)));
    expect(total.dataSync()).toEqual(Float32Array.of(14));
    expect(untouched.dataSync()).toEqual(Float32Array.of(10));
  });

  it('repeats a call, each run seeing what those before it assigned', async () => {
    const total = tf.variable(tf.scalar(1));
    const f = compile((x: tf.Tensor) => {
      total.assign(tf.mul(total, x));
      return { doubled: tf.mul(total, 2), large: tf.fill([20_000], 1).mul(total) };
    });
    const x = tf.scalar(3);
    const results = await f.repeat(4, x);
    expect(await Promise.all(results.map(({ doubled }) => valuesOf(doubled)))).toEqual([[6], [18], [54], [162]]);
    // Results that stay on the engine are those of their own run.
    expect(await Promise.all(results.map(async ({ large }) => (await valuesOf(large))[19_999]))).toEqual([
      3, 9, 27, 81,
    ]);
    expect(await total.data()).toEqual(Float32Array.of(81));
    expect(() => f.repeat(0, x)).toThrow(/times to be an integer of at least 1, got 0/);
    expect(() => f.repeat(1.5, x)).toThrow(/got 1.5/);
  });

  it('sees what other code assigns between calls, and eager code sees what it assigns', async () => {
    const weight = tf.variable(tf.scalar(1));
    const f = compile((x: tf.Tensor) => {
      weight.assign(tf.add(weight, x));
    });
    await f(tf.scalar(1));
    // moves the variable to the cpu
    expect(tf.mul(weight, 3).dataSync()).toEqual(Float32Array.of(6));
    weight.assign(tf.scalar(100));
    await f(tf.scalar(1));
    expect(await weight.data()).toEqual(Float32Array.of(101));
  });

  it('swaps variables without losing one', async () => {
    const [a, b] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(2))];
    const swap = compile(() => {
      const old = tf.clone(a);
      a.assign(tf.clone(b));
      b.assign(old);
    });
    await swap();
    expect([a.dataSync()[0], b.dataSync()[0]]).toEqual([2, 1]);
    await swap();
    expect([a.dataSync()[0], b.dataSync()[0]]).toEqual([1, 2]);
  });

  it('takes tensors that share data and differ in shape or dtype', async () => {
    const flat = tf.tensor1d([1, 2, 3, 4], 'int32');
    const square = tf.reshape(flat, [2, 2]);
    const floats = tf.cast(square, 'float32');
    const f = compile((a: tf.Tensor, b: tf.Tensor) => [
      tf.sum(a, 0),
      tf.sum(tf.add(flat, tf.reshape(square, [4]))),
      tf.mul(b, 0.5),
      tf.add(floats, 0.5),
    ]);
    const results = await f(square, floats);
    expect(await Promise.all(results.map(valuesOf))).toEqual([[4, 6], [20], [0.5, 1, 1.5, 2], [1.5, 2.5, 3.5, 4.5]]);
  });

  it('tells variables apart that began with the same data', async () => {
    const initial = tf.tensor1d([1, 2]);
    const [a, b] = [tf.variable(initial), tf.variable(initial)];
    const update = compile(() => {
      a.assign(tf.add(a, 1));
      b.assign(tf.mul(b, 10));
      return tf.add(initial, 0);
    });
    for (let call = 0; call < 2; call++) expect(await valuesOf(await update())).toEqual([1, 2]);
    expect([[...a.dataSync()], [...b.dataSync()]]).toEqual([
      [3, 4],
      [100, 200],
    ]);
  });

  it('detaches the value that a variable has at that place', async () => {
    const weight = tf.variable(tf.scalar(1));
    const f = compile(() => {
      const before = detach(weight);
      weight.assign(tf.add(weight, 1));
      return { before, after: detach(weight) };
    });
    const { before, after } = await f();
    expect([await valuesOf(before), await valuesOf(after)]).toEqual([[1], [2]]);
    const { grads } = tf.variableGrads(() => tf.sum<tf.Scalar>(tf.mul(weight, detach(weight))), [weight]);
    expect(grads[weight.name]!.dataSync()[0]).toBe(2);
  });

  it('freezes what TensorFlow.js has cast lazily', async () => {
    const floats = tf.cast(tf.tensor1d([2, 3], 'int32'), 'float32');
    const f = compile((x: tf.Tensor) => tf.mul(x, floats), { variables: 'frozen' });
    expect(await valuesOf(await f(tf.scalar(2)))).toEqual([4, 6]);
  });

  it('does not freeze again for an eager look at an unchanged variable', async () => {
    events.length = 0;
    const weight = tf.variable(tf.scalar(2));
    await compile(() => weight.assign(tf.add(weight, 1)))();
    const f = compile((x: tf.Tensor) => tf.mul(x, weight), { name: 'looked at', variables: 'frozen' });
    expect(await valuesOf(await f(tf.scalar(2)))).toEqual([6]);
    tf.add(weight, 1).dispose();
    expect(await valuesOf(await f(tf.scalar(2)))).toEqual([6]);
    expect(events.filter(({ name, phase }) => name === 'looked at' && phase === 'start').length).toBe(1);
  });

  it('leaves clones of a variable as they were', async () => {
    const weight = tf.variable(tf.tensor1d([1, 2]));
    const first = tf.clone(weight);
    const increment = compile(() => weight.assign(tf.add(weight, 1)));
    await increment();
    const second = tf.clone(weight);
    await increment();
    expect([first, second, weight].map((tensor) => [...tensor.dataSync()])).toEqual([
      [1, 2],
      [2, 3],
      [3, 4],
    ]);
  });

  it('lets results be reshaped, assigned and disposed of like any tensor', async () => {
    const weight = tf.variable(tf.zeros([2, 2]));
    const result = await compile((x: tf.Tensor) => tf.mul(x, 2))(tf.tensor1d([1, 2, 3, 4]));
    const reshaped = tf.reshape(result, [2, 2]);
    result.dispose();
    weight.assign(reshaped);
    reshaped.dispose();
    expect([...weight.dataSync()]).toEqual([2, 4, 6, 8]);
    await compile(() => weight.assign(tf.add(weight, 1)))();
    expect([...tf.mul(weight, 10).dataSync()]).toEqual([30, 50, 70, 90]);
  });

  it('captures tensors that the function closes over', async () => {
    const table = tf.tensor1d([1, 2, 3]);
    const f = compile((x: tf.Tensor) => tf.add(x, table));
    const [one, two] = [await f(tf.scalar(1)), await f(tf.scalar(2))];
    expect([await valuesOf(one), await valuesOf(two)]).toEqual([
      [2, 3, 4],
      [3, 4, 5],
    ]);
  });

  it('takes results of one compiled function as arguments of another without reading them', async () => {
    const double = compile((x: tf.Tensor) => tf.mul(x, 2));
    const big = await double(tf.ones([200, 200]));
    const sum = await compile((x: tf.Tensor) => tf.sum(x))(big);
    expect(await valuesOf(sum)).toEqual([80_000]);
    expect((await valuesOf(big)).length).toBe(40_000);
  });

  it('compiles once for each set of shapes, and says so', async () => {
    const f = compile((x: tf.Tensor) => tf.sum(x), { name: 'counted', maximumShapes: 2 });
    for (const length of [2, 2, 3, 3]) expect(await valuesOf(await f(tf.ones([length])))).toEqual([length]);
    expect(events.filter(({ name, phase }) => name === 'counted' && phase === 'done').length).toBe(2);
    await expect(f(tf.ones([4]))).rejects.toThrow(
      /at most 2 different argument shapes, got another one: float32 \[4\]/,
    );
  });

  it('runs calls that overlap in order', async () => {
    const count = tf.variable(tf.scalar(0));
    const next = compile(() => {
      count.assign(tf.add(count, 1));
      return tf.clone(count);
    });
    const results = await Promise.all(Array.from({ length: 20 }, () => next()));
    expect((await Promise.all(results.map(valuesOf))).flat()).toEqual([...Array(20).keys()].map((index) => index + 1));
  });

  it('leaks no tensors', async () => {
    const weight = tf.variable(tf.ones([8, 8]));
    const step = compile((x: tf.Tensor2D) => {
      const { value, grads } = tf.variableGrads(
        () => tf.mean(tf.square(tf.matMul(x, weight as tf.Tensor2D))),
        [weight],
      );
      weight.assign(tf.sub(weight, tf.mul(grads[weight.name]!, 0.1)));
      return value;
    });
    const x = tf.ones<tf.Rank.R2>([4, 8]);
    (await step(x)).dispose();
    const before = tf.memory().numTensors;
    for (let index = 0; index < 10; index++) (await step(x)).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('keeps the event loop free while it runs', async () => {
    const heavy = compile((x: tf.Tensor2D) => {
      let y = x;
      for (let index = 0; index < 30; index++) y = tf.tanh(tf.matMul(y, x));
      return tf.sum(y);
    });
    const x = tf.fill<tf.Rank.R2>([700, 700], 0.01);
    await valuesOf(await heavy(x));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const result = await heavy(x);
    clearInterval(timer);
    await valuesOf(result);
    expect(ticks).toBeGreaterThan(5);
  });

  it('freezes variables where asked, and notices when they change', async () => {
    const weight = tf.variable(tf.scalar(2));
    const f = compile((x: tf.Tensor) => tf.mul(x, weight), { variables: 'frozen' });
    expect(await valuesOf(await f(tf.scalar(3)))).toEqual([6]);
    weight.assign(tf.scalar(5));
    expect(await valuesOf(await f(tf.scalar(3)))).toEqual([15]);
    const train = compile(() => weight.assign(tf.add(weight, 1)));
    await train();
    expect(await valuesOf(await f(tf.scalar(3)))).toEqual([18]);
    await train();
    expect(await valuesOf(await f(tf.scalar(3)))).toEqual([21]);
  });

  it('freezes nothing that it assigns or that must stay live', async () => {
    const [weight, shared, count] = [tf.variable(tf.scalar(2)), tf.variable(tf.scalar(10)), tf.variable(tf.scalar(0))];
    const compilations = (): number =>
      events.filter(({ name, phase }) => name === 'partly frozen' && phase === 'start').length;
    const f = compile(
      (x: tf.Tensor) => {
        count.assign(tf.add(count, 1));
        return tf.add(tf.add(tf.mul(x, weight), shared), count);
      },
      { name: 'partly frozen', variables: 'frozen', live: [shared] },
    );
    expect(await valuesOf(await f(tf.scalar(3)))).toEqual([17]);
    shared.assign(tf.scalar(20));
    expect(await valuesOf(await f(tf.scalar(3)))).toEqual([28]);
    expect(compilations()).toBe(1);
    weight.assign(tf.scalar(1));
    expect(await valuesOf(await f(tf.scalar(3)))).toEqual([26]);
    expect(compilations()).toBe(2);
  });

  it('shows what it recorded', () => {
    const text = compile((x: tf.Tensor) => tf.tanh(x)).text(tf.ones([2, 3]));
    expect(text).toContain('%1 = tanh(%0) : float32[2x3]');
  });

  it('works again after dispose', async () => {
    const f = compile((x: tf.Tensor) => tf.neg(x));
    expect(await valuesOf(await f(tf.scalar(1)))).toEqual([-1]);
    f.dispose();
    expect(await valuesOf(await f(tf.scalar(1)))).toEqual([-1]);
  });
});

it('runs a function that computes nothing', async () => {
  const nothing = compile((): tf.Tensor[] => []);
  expect(await nothing()).toEqual([]);
});

describe('rows that are written to a variable', () => {
  const write = (state: tf.Tensor, rows: tf.Tensor, position: tf.Tensor): tf.Tensor =>
    composite('write_rows', { axis: 1 }, [state, rows, position], (...tensors) => {
      const [old, added, at] = tensors as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [, length, width] = old.shape as [number, number, number];
      const count = added.shape[1]!;
      const from = tf.sub(tf.range(0, length, 1, 'int32'), at);
      const within = tf.logicalAnd(tf.greaterEqual(from, 0), tf.less(from, count));
      const picked = tf.gather(added, tf.clipByValue(from, 0, count - 1), 1);
      return [tf.where(tf.broadcastTo(tf.reshape(within, [1, length, 1]), [2, length, width]), picked, old)];
    })[0]!;
  const rowsOf = (first: number): tf.Tensor => tf.reshape(tf.range(first, first + 12), [2, 2, 3]);

  it.each([
    ['in place, when nothing else uses the result', false],
    ['in the graph, when something does', true],
  ])('are there %s, and the function reads what was there before', async (_, useResult) => {
    const setup = () => {
      const state = tf.variable(tf.zeros([2, 4, 3]));
      const step = (rows: tf.Tensor, position: tf.Tensor) => {
        const before = tf.sum(state, [0, 2]);
        const next = write(state, tf.mul(rows, 2), tf.add(position, tf.scalar(1, 'int32')));
        state.assign(next);
        return { before, after: useResult ? tf.sum(next) : undefined };
      };
      return { state, step };
    };
    const [eager, compiled] = [setup(), setup()];
    const step = compile(compiled.step);
    for (const [index, position] of [0, 1, -1].entries()) {
      const expected = eager.step(rowsOf(index), tf.scalar(position, 'int32'));
      const result = await step(rowsOf(index), tf.scalar(position, 'int32'));
      expect(result.before).toBeAllClose(expected.before);
      expect(compiled.state).toBeAllClose(eager.state);
    }
  });

  it('must fit', async () => {
    const state = tf.variable(tf.zeros([2, 4, 3]));
    const step = compile((rows: tf.Tensor, position: tf.Tensor) => state.assign(write(state, rows, position)));
    await expect(step(rowsOf(0), tf.scalar(3, 'int32'))).rejects.toThrow('rows 3 to 5 of an axis of 4');
  });
});

describe('AdamW on the engine', () => {
  const update = (operands: tf.Tensor[]): tf.Tensor[] =>
    composite('adamw', { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 }, operands, (...tensors) => {
      const [p, g0, m, v, rate, scale, c1, c2] = tensors as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const g = tf.mul(g0, scale);
      const first = tf.add(tf.mul(m, 0.9), tf.mul(g, 0.1));
      const second = tf.add(tf.mul(v, 0.99), tf.mul(tf.square(g), 0.01));
      const step = tf.div(tf.div(first, c1), tf.add(tf.sqrt(tf.div(second, c2)), 1e-8));
      const next = [tf.sub(tf.mul(p, tf.sub(1, tf.mul(rate, 0.1))), tf.mul(rate, step)), first, second];
      const finite = tf.less(tf.abs(scale), Infinity);
      return [p, m, v].map((old, index) => tf.where(tf.broadcastTo(finite, old.shape), next[index]!, old));
    });

  function setup() {
    const [p, m, v] = [
      [1, -2, 3],
      [0.1, 0.2, -0.3],
      [0.01, 0.02, 0.03],
    ].map((values): tf.Variable => tf.variable(tf.tensor(values)));
    const step = (g: tf.Tensor, rate: tf.Tensor, scale: tf.Tensor = tf.scalar(0.5)) => {
      const results = update([p!, tf.mul(g, 2), m!, v!, rate, scale, tf.scalar(0.19), tf.scalar(0.0199)]);
      [p!, m!, v!].forEach((variable, index) => variable.assign(results[index]!));
      return { results, variables: [p!, m!, v!] };
    };
    return { step, variables: [p!, m!, v!] };
  }

  it.each([
    ['in place, when nothing else uses the results', false],
    ['in the graph, when something does', true],
  ])('is done %s', async (_, useResults) => {
    const [g, rate] = [tf.tensor1d([0.3, -0.1, 0.2]), tf.scalar(0.01)];
    const eager = setup();
    for (let index = 0; index < 3; index++) eager.step(g, rate);
    const compiled = setup();
    const step = compile((gradient: tf.Tensor, learningRate: tf.Tensor) => {
      const { results } = compiled.step(gradient, learningRate);
      return useResults ? tf.add(results[0]!, 0) : undefined;
    });
    for (let index = 0; index < 3; index++) tf.dispose((await step(g, rate)) ?? []);
    for (const [index, variable] of compiled.variables.entries()) {
      expect(variable).toBeAllClose(eager.variables[index]!, { rtol: 1e-6, atol: 1e-7 });
    }
  });

  it.each([
    ['in place', false],
    ['in the graph', true],
  ])('leaves everything as it is when the scale is not finite, %s', async (_, useResults) => {
    const { step, variables } = setup();
    const compiled = compile((g: tf.Tensor, scale: tf.Tensor) => {
      const { results } = step(g, tf.scalar(0.01), scale);
      return useResults ? tf.add(results[0]!, 0) : undefined;
    });
    const before = variables.map((variable) => [...variable.dataSync()]);
    for (const scale of [NaN, Infinity, -Infinity]) {
      for (const gradient of [0.3, NaN]) {
        tf.dispose((await compiled(tf.fill([3], gradient), tf.scalar(scale))) ?? []);
        expect(variables.map((variable) => [...variable.dataSync()])).toEqual(before);
      }
    }
    tf.dispose((await compiled(tf.ones([3]), tf.scalar(1))) ?? []);
    expect(variables.map((variable) => [...variable.dataSync()])).not.toEqual(before);
  });
});

describe('what cannot be compiled', () => {
  const x = () => tf.ones([2, 3]);
  const weight = () => tf.variable(tf.ones([2]));
  const cases: [string, () => Promise<unknown>, RegExp][] = [
    [
      'reading a traced tensor',
      () => compile((t: tf.Tensor) => tf.scalar(t.dataSync()[0]!), { name: 'f' })(x()),
      /f: expected a function of tensors only, got data\(\), dataSync\(\) or arraySync\(\) of a traced tensor \[2,3\]/,
    ],
    [
      'reading a variable',
      async () => {
        const w = weight();
        return compile(() => tf.scalar(w.dataSync()[0]!))();
      },
      /of a traced tensor \[2\]/,
    ],
    [
      'branching on a value',
      () => compile((t: tf.Tensor) => (t.arraySync() ? t : t))(x()),
      /Return the tensor and read it after the call/,
    ],
    ['a new variable', () => compile(() => tf.variable(tf.scalar(1)))(), /variables that exist before the first call/],
    [
      'an optimizer of TensorFlow.js',
      () => {
        const w = weight();
        return compile(() => tf.train.adam(0.1).minimize(() => tf.sum<tf.Scalar>(w), true, [w])!)();
      },
      /AdamW of @vitvq\/optim can be compiled/,
    ],
    [
      'a random operation',
      () => compile(() => tf.randomNormal([2]))(),
      /randomness to come in as a tensor, got Math\.random.*compile\.test\.ts/,
    ],
    ['dropout', () => compile((t: tf.Tensor) => tf.dropout(t, 0.5))(x()), /randomness/],
    [
      'an operation without lowering',
      () => compile((t: tf.Tensor) => tf.image.resizeBilinear(tf.reshape<tf.Rank.R4>(t, [1, 2, 3, 1]), [4, 4]))(x()),
      /the TensorFlow\.js kernel ResizeBilinear.*compile\.test\.ts/,
    ],
    [
      'a convolution whose size is rounded up',
      () =>
        compile((t: tf.Tensor) => {
          const [image, filter] = [tf.reshape<tf.Rank.R4>(t, [1, 2, 3, 1]), tf.ones<tf.Rank.R4>([2, 2, 1, 1])];
          return tf.conv2d(image, filter, 2, 0, 'NHWC', 1, 'ceil');
        })(x()),
      /tf\.conv2d: expected sizes that are rounded down.*got "ceil"/,
    ],
    [
      'an assignment that changes the shape',
      async () => {
        const w = weight();
        return compile(() => w.assign(tf.ones([3])))();
      },
      /variable\.assign: expected float32 \[2\], got float32 \[3\]/,
    ],
    ['a number as argument', () => compile((t: number) => tf.scalar(t))(3), /the number 3 at value\[0\]/],
    ['a number as result', () => compile(() => 3)(), /the number 3/],
    ['an asynchronous function', () => compile(async () => tf.scalar(1))(), /synchronous function, got a promise/],
    [
      'a compiled function inside',
      () => {
        const inner = compile((t: tf.Tensor) => t, { name: 'inner' });
        return compile((t: tf.Tensor) => inner(t) as unknown as tf.Tensor)(x());
      },
      /inner: expected to be called outside compiled functions/,
    ],
    [
      'a composite that uses outer tensors',
      () => compile((t: tf.Tensor) => composite('leaky', {}, [t], (a) => [tf.add(a, t)])[0]!)(x()),
      /operands only/,
    ],
  ];

  it.each(cases)('%s', async (_, run, message) => {
    const before = [Math.random, tf.Variable.prototype.assign, tf.getBackend()];
    await expect(run()).rejects.toThrow(CompileError);
    await expect(run()).rejects.toThrow(message);
    expect([Math.random, tf.Variable.prototype.assign, tf.getBackend()]).toEqual(before);
    expect(tf.ones([2]).dataSync()).toEqual(Float32Array.of(1, 1));
  });

  it('a variable that is gone', async () => {
    const w = weight();
    const f = compile(() => tf.add(w, 1));
    (await f()).dispose();
    w.dispose();
    await expect(f()).rejects.toThrow(/alive, got a disposed one, float32 \[2\]/);
    await expect(f()).rejects.toThrow(EngineError);
  });
});
