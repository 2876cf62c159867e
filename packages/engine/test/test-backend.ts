import * as tf from '@tensorflow/tfjs-core';
import { composite } from '@vitvq/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, DeviceBuffer, Executable } from '../src/backend/backend.js';
import { Device } from '../src/backend/device.js';
import { CompiledProgram } from '../src/compiled-program.js';
import type { CompiledEngine } from '../src/engines.js';
import { EngineError } from '../src/errors.js';
import { GraphBuilder } from '../src/ir/builder.js';
import type { HostType, Value } from '../src/ir/graph.js';
import { flatten } from '../src/structure.js';

const noFrozen = new Map<number, () => DeviceBuffer>();
const vector = { shape: [3], dtype: 'float32' } as const;

/**
 * Tests that a backend keeps the contract of `Backend`; the active TensorFlow.js backend must be
 * cpu.
 */
export function testBackend(name: string, create: () => Promise<Backend>): void {
  describe(`the contract of a backend: ${name}`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await create();
    });
    afterAll(() => backend.terminate());

    const upload = (...values: number[]): DeviceBuffer =>
      backend.upload(Float32Array.from(values), { shape: [values.length], dtype: 'float32' });
    /** Prepares a function of vectors of three; its outputs are results, then states. */
    const prepare = (
      inputs: number,
      build: (b: GraphBuilder, ...inputs: Value[]) => Value[],
      { stateInputs = [], frozen = noFrozen }: { stateInputs?: (number | undefined)[]; frozen?: typeof noFrozen } = {},
    ): Executable => {
      const b = new GraphBuilder();
      const values = Array.from({ length: inputs }, () => b.input(vector.shape, vector.dtype));
      const graph = b.finish(build(b, ...values));
      return backend.prepare({
        name: 'f',
        graph,
        resultCount: graph.outputs.length - stateInputs.length,
        stateInputs,
        frozen,
      });
    };
    const read = async (buffer: DeviceBuffer): Promise<number[]> => [...(await backend.read(buffer))];

    testMemory(() => backend);

    it('computes results, of each of several runs', async () => {
      const double = prepare(1, (b, x) => [b.binary('add', x, x), b.unary('negate', x)]);
      await double.ready;
      const { results, done } = backend.run(double, [upload(1, 2, 3)], [], 2);
      const host = await done;
      expect(results.length).toBe(2);
      expect(host.map((values) => values.length)).toEqual([2, 2]);
      for (const [sum, negative] of results) {
        expect(sum).toMatchObject(vector);
        expect([await read(sum!), await read(negative!)]).toEqual([
          [2, 4, 6],
          [-1, -2, -3],
        ]);
      }
      for (const [index, values] of host[0]!.entries()) {
        if (values) expect([...values]).toEqual(await read(results[0]![index]!));
      }
      backend.unload(double);
    });

    it('takes requests in order, so that results can be used before they are there', async () => {
      const double = prepare(1, (b, x) => [b.binary('add', x, x)]);
      const x = upload(1, 2, 3);
      const first = backend.run(double, [x], [], 1);
      backend.free(x);
      const second = backend.run(double, [first.results[0]![0]], [], 1);
      expect(backend.readSync(second.results[0]![0]!)).toEqual(Float32Array.of(4, 8, 12));
      await Promise.all([first.done, second.done]);
    });

    it('says which inputs a run reads, and needs no others', async () => {
      const f = prepare(3, (b, x, _, y) => [b.binary('multiply', x, y)]);
      expect([...f.inputs]).toEqual(expect.arrayContaining([0, 2]));
      const unused = f.inputs.has(1) ? upload(0, 0, 0) : undefined;
      const { results, done } = backend.run(f, [upload(1, 2, 3), unused, upload(4, 5, 6)], [], 1);
      await done;
      expect(await read(results[0]![0]!)).toEqual([4, 10, 18]);
    });

    it('leaves the new values of states in their buffers, run by run', async () => {
      const build = (b: GraphBuilder, x: Value, state: Value): Value[] => {
        const next = b.binary('multiply', state, x);
        return [b.unary('negate', next), next];
      };
      const f = prepare(2, build, { stateInputs: [1] });
      const state = upload(1, 1, 1);
      const { results, done } = backend.run(f, [upload(2, 3, 4), state], [state], 3);
      await done;
      expect(await read(state)).toEqual([8, 27, 64]);
      expect(await Promise.all(results.map(([negative]) => read(negative!)))).toEqual([
        [-2, -3, -4],
        [-4, -9, -16],
        [-8, -27, -64],
      ]);
    });

    it('exchanges states, and assigns states that are not read', async () => {
      const exchange = prepare(2, (_, x, y) => [y, x], { stateInputs: [0, 1] });
      const [a, c] = [upload(1, 2, 3), upload(4, 5, 6)];
      await backend.run(exchange, [a, c], [a, c], 1).done;
      expect([await read(a), await read(c)]).toEqual([
        [4, 5, 6],
        [1, 2, 3],
      ]);
      const assign = prepare(1, (b, x) => [b.unary('negate', x)], { stateInputs: [undefined] });
      await backend.run(assign, [c], [a], 1).done;
      expect([await read(a), await read(c)]).toEqual([
        [-1, -2, -3],
        [1, 2, 3],
      ]);
    });

    it('compiles frozen inputs in, as they are when the program is prepared', async () => {
      const weight = upload(10, 20, 30);
      const f = prepare(2, (b, x, y) => [b.binary('add', x, y)], { frozen: new Map([[1, () => weight]]) });
      expect(f.inputs.has(1)).toBe(false);
      await f.ready;
      const replace = prepare(1, (b, state) => [b.unary('negate', state)], { stateInputs: [0] });
      await backend.run(replace, [weight], [weight], 1).done;
      expect(await read(weight)).toEqual([-10, -20, -30]);
      backend.free(weight);
      const { results, done } = backend.run(f, [upload(1, 2, 3), undefined], [], 1);
      await done;
      expect(await read(results[0]![0]!)).toEqual([11, 22, 33]);
    });

    it('rejects a run on memory that was freed, with an EngineError, and goes on', async () => {
      const f = prepare(1, (b, x) => [b.unary('negate', x)]);
      const x = upload(1, 2, 3);
      backend.free(x);
      await expect(backend.run(f, [x], [], 1).done).rejects.toThrow(EngineError);
      const { results, done } = backend.run(f, [upload(1, 2, 3)], [], 1);
      await done;
      expect(await read(results[0]![0]!)).toEqual([-1, -2, -3]);
    });

    testVariables(() => backend);

    it('ends after what was asked for, and refuses what comes later', async () => {
      const other = await create();
      const buffer = other.upload(Float32Array.of(1), { shape: [1], dtype: 'float32' });
      const reading = other.read(buffer);
      await other.terminate();
      expect(await reading).toEqual(Float32Array.of(1));
      await expect(other.read(buffer)).rejects.toThrow(EngineError);
    });
  });
}

function testMemory(backend: () => Backend): void {
  it.each([
    ['float32', Float32Array.of(1.5, -0, NaN, Infinity, 1e-42, 3e38), [2, 3]],
    ['int32', Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1), [3]],
    ['bool', Uint8Array.of(1, 0), [2]],
    ['float32', Float32Array.of(7), []],
    ['float32', new Float32Array(0), [0, 3]],
    ['float32', new Float32Array(20_000).fill(0.5), [20_000]],
    ['float32', new Float32Array(20_000), [20_000]],
    ['float32', new Float32Array(20_000).fill(-0), [20_000]],
    ['int32', new Int32Array(20_000), [20_000]],
  ] as const)('keeps %s values %#', async (dtype: HostType, values, shape) => {
    const given = values.slice();
    const buffer = backend().upload(given, { shape, dtype });
    expect(buffer).toMatchObject({ shape, dtype });
    given.fill(1);
    expect(await backend().read(buffer)).toEqual(values);
    expect(backend().readSync(buffer)).toEqual(values);
    const mine = await backend().read(buffer);
    mine.fill(0);
    const copy = backend().copy(buffer);
    backend().free(buffer);
    expect(await backend().read(copy)).toEqual(values);
    backend().free(copy);
  });
}

/** Tests functions of TensorFlow.js with variables, on a device over the backend. */
function testVariables(backend: () => Backend): void {
  const program = (fn: (...values: tf.Tensor[]) => unknown, values: tf.Tensor[]): CompiledProgram => {
    const { template } = flatten(values, 'f');
    const types = values.map(({ shape, dtype }) => ({ shape, dtype: dtype as HostType }));
    const engine = {
      kind: 'compiled',
      device: new Device(backend()),
      onCompile: () => {},
    } as unknown as CompiledEngine;
    return new CompiledProgram(
      engine,
      { fn, name: 'f', types, template, live: undefined, precision: 'float32', method: 'native' },
      () => {},
    );
  };

  it('runs composites that only replace states as their bodies do', async () => {
    const names = ['parameter', 'first', 'second'] as const;
    const make = (): Record<(typeof names)[number] | 'cache', tf.Variable> => ({
      parameter: tf.variable(tf.tensor1d([1, -2, 3])),
      first: tf.variable(tf.tensor1d([0.1, 0.2, 0.3])),
      second: tf.variable(tf.tensor1d([0.4, 0.5, 0.6])),
      cache: tf.variable(tf.zeros([2, 4, 3])),
    });
    const step =
      ({ parameter, first, second, cache }: ReturnType<typeof make>) =>
      (gradient: tf.Tensor, rows: tf.Tensor, position: tf.Tensor): tf.Tensor => {
        const numbers = [0.1, 0.5, 0.19, 0.0199].map((number) => tf.scalar(number));
        const operands = [parameter, gradient, first, second, ...numbers];
        const attributes = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 };
        const updated = composite('adamw', attributes, operands, adamWBody);
        [parameter, first, second].forEach((variable, index) => variable.assign(updated[index]!));
        cache.assign(composite('write_rows', { axis: 1 }, [cache, rows, position], writeBody)[0]!);
        return tf.sum(gradient);
      };
    const inputs = [tf.tensor1d([0.5, -1, 2]), tf.reshape(tf.range(0, 6), [2, 1, 3]), tf.scalar(2, 'int32')];
    const [eager, compiled] = [make(), make()];
    const f = program(step(compiled), inputs);
    for (let run = 0; run < 2; run++) {
      tf.tidy(() => void step(eager)(...(inputs as [tf.Tensor, tf.Tensor, tf.Tensor])));
      await f.run(inputs, 1);
    }
    for (const key of [...names, 'cache'] as const) {
      const [expected, got] = [await eager[key].data(), await compiled[key].data()];
      expected.forEach((value, index) => expect(got[index], `${key} ${index}`).toBeCloseTo(value, 5));
    }
    f.unload();
  });

  it('writes a variable whose data others share, or hold in another dtype, without changing them', async () => {
    const integers = tf.tensor1d([1, 2, 3], 'int32');
    const variable = tf.variable(tf.cast(integers, 'float32'));
    const other = tf.variable(integers);
    const f = program(() => variable.assign(tf.mul(variable, 1.5)), []);
    await f.run([], 1);
    await f.run([], 1);
    expect([...(await variable.data())]).toEqual([2.25, 4.5, 6.75]);
    expect([...(await integers.data()), ...(await other.data())]).toEqual([1, 2, 3, 1, 2, 3]);
    f.unload();
  });
}

/** AdamW (Loshchilov and Hutter 2019, algorithm 2) in plain operations. */
function adamWBody(...operands: tf.Tensor[]): tf.Tensor[] {
  const [parameter, gradient, first, second, rate, scale, correction1, correction2] = operands as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const g = tf.mul(gradient, scale);
  const m = tf.add(tf.mul(first, 0.9), tf.mul(g, 0.1));
  const v = tf.add(tf.mul(second, 0.99), tf.mul(tf.square(g), 0.01));
  const update = tf.div(tf.div(m, correction1), tf.add(tf.sqrt(tf.div(v, correction2)), 1e-8));
  const decayed = tf.mul(parameter, tf.sub(1, tf.mul(rate, 0.1)));
  return [tf.sub(decayed, tf.mul(rate, update)), m, v];
}

/** Writes one row of the axis 1 in plain operations. */
function writeBody(...operands: tf.Tensor[]): tf.Tensor[] {
  const [old, rows, at] = operands as [tf.Tensor, tf.Tensor, tf.Tensor];
  const isWritten = tf.equal(tf.range(0, old.shape[1]!, 1, 'int32'), at);
  return [tf.where(tf.reshape(isWritten, [1, -1, 1]), rows, old)];
}
