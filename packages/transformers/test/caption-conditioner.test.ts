import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError, randomKey, ShapeError, type CodeBatch } from '@vitvq/core';
import { compile, doctor, useEngine } from '@vitvq/engine';
import { createTransformerTrainer } from '@vitvq/stage2-trainer';
import { classGPT, tinyCodes, tinyTransformerTraining } from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import {
  CaptionConditioner,
  conditionInput,
  conditionTensor,
  nullConditions,
  nullConditionsOf,
  type CaptionConditionerOptions,
} from '../src/index.js';

const { engines } = await doctor();
const available = engines.filter(({ name, available: is }) => is && ['cpu', 'onnx', 'pjrt'].includes(name));

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const create = (options: Partial<CaptionConditionerOptions> = {}): CaptionConditioner =>
  new CaptionConditioner({ length: 3, captionDim: 2, dim: 4, key: randomKey(1), ...options });

const captions = [Float32Array.of(1, 2), Float32Array.of(3, 0, 0, 5, 6, 7)];
const batch: CodeBatch = { tokens: new Int32Array(8), shape: [2, 4] };

describe('CaptionConditioner', () => {
  it('pads captions at the front', async () => {
    const conditioner = create({ captionsOf: () => captions });
    const expected = [0, 0, 0, 0, 1, 2, 3, 0, 0, 5, 6, 7];
    expect([...conditioner.encode(captions)]).toEqual(expected);
    expect([...(await conditioner.ofBatch(batch))]).toEqual(expected);
    conditioner.dispose();
  });

  it('has no caption of the same padding', () => {
    const conditioner = create();
    const none = conditioner.nullInput;
    expect(none).toHaveLength(6);
    expect(none.every((value) => value !== 0)).toBe(true);
    const values = conditioner.encode(captions);
    expect([...conditionInput(conditioner).nullOf(values)]).toEqual([0, 0, 0, 0, ...none.slice(4), ...none]);
    tf.tidy(() => {
      const embedded = nullConditionsOf(conditioner, values);
      expect([...tf.slice(embedded, [0, 0, 0], [1, 2, 4]).dataSync()].every((value) => value === 0)).toBe(true);
      const whole = nullConditions(conditioner, 1);
      expect(tf.slice(embedded, [1, 0, 0])).toBeAllClose(whole, { atol: 0, rtol: 0 });
    });
    conditioner.dispose();
  });

  it('knows the vectors of no caption that are loaded, and does not train them', () => {
    const conditioner = create();
    const input = conditionInput(conditioner);
    const before = [...input.nullValues];
    const other = create({ key: randomKey(2) });
    const values = [...other.namedVariables()].map(
      ([name, variable]) => [name, { shape: variable.shape, data: variable.dataSync<'float32'>() }] as const,
    );
    conditioner.loadVariables(new Map(values));
    expect([...input.nullValues]).toEqual([...other.nullInput]);
    expect([...input.nullValues]).not.toEqual(before);
    expect([...conditioner.namedTrainableVariables().keys()]).toEqual(['hidden.weight', 'output.weight']);
    for (const each of [conditioner, other]) each.dispose();
  });

  it.each(available.map(({ name }) => name))('embeds padding as zeros on %s', async (name) => {
    await useEngine({ name, onCompile: () => undefined });
    const conditioner = create({ dim: 32, captionDim: 16 });
    const embed = compile((input: tf.Tensor) => conditioner.embed(input), { name: 'embed' });
    const vectors = Float32Array.from({ length: 32 }, (_, index) => Math.sin(index + 1));
    const input = tf.tensor3d(conditioner.pad(vectors), [1, 3, 16]);
    const embedded = await embed(input);
    const values = [...(await embedded.data())];
    expect(values.slice(0, 32).every((value) => value === 0)).toBe(true);
    expect(values.slice(32).some((value) => value === 0)).toBe(false);
    tf.dispose([input, embedded]);
    embed.dispose();
    conditioner.dispose();
    await useEngine({ name: 'cpu' });
  });

  it('has the right gradients', () => {
    const conditioner = create();
    const input = tf.tensor3d(conditioner.encode(captions), [2, 3, 2]);
    const trained = conditioner.namedTrainableVariables();
    expectGradientsMatchFiniteDifferences((x) => tf.mul(conditioner.embed(x), 1000), [input], { variables: trained });
    conditioner.dispose();
  });

  it('is trained with a model, which drops captions and keeps their padding', async () => {
    const vectorsOf = (index: number): Float32Array =>
      Float32Array.from({ length: 2 * (1 + (index % 3)) }, (_, at) => Math.sin(index + at + 1));
    const conditioner = create({
      dim: 16,
      captionsOf: ({ indices }) => Array.from(indices!, vectorsOf),
    });
    const model = classGPT({
      ...{ conditionVocabSize: undefined, conditionLength: 3, dim: 16, useTimeMixing: false },
      ...{ conditionAttention: 'causal', conditionPadding: 'zero' },
    });
    const embedded: tf.Tensor[] = [];
    const embed = conditioner.embed.bind(conditioner);
    conditioner.embed = (input) => {
      embedded.push(tf.keep(tf.clone(input)));
      return embed(input);
    };
    const none = [...conditioner.nullInput];
    const before = [...conditioner.namedTrainableVariables().values()].map((variable) => [...variable.dataSync()]);
    const trainer = createTransformerTrainer({
      model,
      conditioner,
      config: tinyTransformerTraining({ duration: { steps: 5 }, conditionDropRate: 0.5, ema: { decay: 0.9 } }),
      openBatches: (startAt) => {
        let position = startAt;
        const next = (): Promise<CodeBatch> => {
          const indices = Int32Array.from({ length: 8 }, (_, row) => 8 * position + row);
          return Promise.resolve({ ...tinyCodes(position++), indices });
        };
        return { next, close: () => undefined };
      },
      preview: { steps: [1], conditions: conditioner.encode([vectorsOf(0), vectorsOf(1)]), guidanceScale: 2 },
      tensorBoard: false,
    });
    await trainer.run();
    trainer.dispose();
    // The engine cpu does not compile: it gets the numbers of each step.
    const rows = embedded.flatMap((input) => (input.shape[0] === 8 ? (input.arraySync() as number[][][]) : []));
    const paddings = { dropped: new Set<number>(), kept: new Set<number>() };
    for (const row of rows) {
      const padding = row.filter((vector) => vector.every((value) => value === 0)).length;
      const isDropped = row[2]![0] === none[4];
      paddings[isDropped ? 'dropped' : 'kept'].add(padding);
      if (isDropped) expect(row.flat().slice(2 * padding)).toEqual(none.slice(2 * padding));
    }
    expect([...paddings.dropped].sort()).toEqual([0, 1, 2]);
    expect([...paddings.kept].sort()).toEqual([0, 1, 2]);
    expect([...conditioner.nullInput]).toEqual(none);
    const after = [...conditioner.namedTrainableVariables().values()].map((variable) => [...variable.dataSync()]);
    expect(after.every((values, index) => values.some((value, at) => value !== before[index]![at]))).toBe(true);
    tf.dispose(embedded);
    model.dispose();
    conditioner.dispose();
  });

  it('refuses captions of other shapes, zeros and numbers that are none', async () => {
    const conditioner = create();
    const pad = (values: number[]) => () => conditioner.pad(Float32Array.from(values));
    expect(pad([1, 2, 3])).toThrow(ShapeError);
    expect(pad([1, 2, 3])).toThrow(/1 to 3 vectors of 2 numbers, got 3 numbers/);
    expect(pad([])).toThrow(/got 0 vectors/);
    expect(pad([1, 2, 3, 4, 5, 6, 7, 8])).toThrow(/got 4 vectors.*Cut longer captions off/);
    expect(pad([1, 2, 0, 0])).toThrow(DataError);
    expect(pad([1, 2, 0, 0])).toThrow(/got zeros in vector 1/);
    expect(pad([1, NaN])).toThrow(/got numbers that are not finite in vector 0/);
    expect(() => conditioner.embed(tf.zeros([2, 2, 2]))).toThrow(ShapeError);
    expect(() => conditionTensor(conditioner, new Float32Array(7))).toThrow();
    await expect(conditioner.ofBatch(batch)).rejects.toThrow(ConfigError);
    conditioner.captionsOf = () => captions.slice(1);
    await expect(conditioner.ofBatch(batch)).rejects.toThrow(/a caption for each of 2 images, got 1/);
    expect(() => create({ length: 0 })).toThrow(ConfigError);
    conditioner.dispose();
  });
});
