import * as tf from '@tensorflow/tfjs';
import { DataError, type HostTensor } from '@vitvq/core';
import { crossEntropy } from '@vitvq/losses';
import {
  Adam,
  decayGroups,
  decayLinearWeights,
  type AdamOptions,
  type ParameterGroup,
  type Schedule,
} from '@vitvq/optim';
import { createTransformerGradients } from '@vitvq/stage2-trainer';
import { compareCase } from '../compare.js';
import { ConfigReader } from '../config.js';
import { tensorsUnder, type Config, type LoadedCase, type TensorEntry } from '../fixture.js';
import type { Adapter } from './adapter.js';
import { loadWeights, toChannelsLast } from './gradients.js';
import { readGPT, readRQTransformer, type BuiltModel } from './stage2-models.js';
import { readVectorQuantizer } from './vector-quantizer.js';
import { readSchedule } from './vit-vq-training.js';
import { readModel } from './vit-vq.js';
import { splitWeights } from './weights.js';

interface Training {
  readonly stage1: Config;
  readonly transformer: Config;
  readonly steps: number;
  readonly learningRate: Schedule;
  readonly adam: Required<AdamOptions>;
  readonly weightDecay: number;
}

interface TrainingCase extends LoadedCase {
  /** The reference's names of the variables that are decayed, and of those that are not. */
  readonly paramGroups?: { readonly decay: readonly string[]; readonly noDecay: readonly string[] };
}

function readTraining({ config, name }: LoadedCase): Training {
  const { scheduler, ...rest } = config;
  const reader = new ConfigReader(rest, name);
  const rate = reader.number('learningRate');
  const training = {
    stage1: reader.section('stage1'),
    transformer: reader.section('transformer'),
    steps: reader.number('steps'),
    learningRate: scheduler === undefined ? (): number => rate : readSchedule(scheduler as Config, rate, name),
    ...readAdam(reader.string('optimizer'), name),
  };
  reader.ignore('batch');
  reader.finish();
  return training;
}

/**
 * From a text: `Adam(betas=(0.9,0.96), eps=1e-8); weightDecay 0.01 on group `decay`, 0 on
 * `noDecay`; …`.
 */
function readAdam(text: string, where: string): { adam: Required<AdamOptions>; weightDecay: number } {
  const number = '([0-9.e+-]+)';
  const pattern = new RegExp(
    `^Adam\\(betas=\\(${number}, ?${number}\\), eps=${number}\\); weightDecay ${number} on group \`decay\``,
  );
  const match = pattern.exec(text);
  if (!match) {
    throw new DataError({ where, expected: 'optimizer to be Adam(betas=…, eps=…); weightDecay … on group', got: text });
  }
  const [beta1, beta2, epsilon, weightDecay] = match.slice(1).map(Number) as [number, number, number, number];
  return { adam: { beta1, beta2, epsilon }, weightDecay };
}

/** Ours, which must be the reference's. @throws {DataError} */
function parameterGroups(
  { model, table }: BuiltModel,
  weightDecay: number,
  { name, paramGroups }: TrainingCase,
): ParameterGroup[] {
  const groups = decayGroups(model.namedTrainableVariables(), weightDecay, decayLinearWeights);
  const referenceNames = new Map(table.map((weight) => [weight.name, weight.referenceName]));
  const decayed = [...(groups[0]?.variables.keys() ?? [])].map((variable) => referenceNames.get(variable)!).sort();
  const expected = [...(paramGroups?.decay ?? decayed)].sort();
  if (decayed.join() !== expected.join()) {
    throw new DataError({
      where: name,
      expected: `weight decay of ${expected.join(', ')}`,
      got: decayed.join(', '),
    });
  }
  return groups;
}

/** What the reference samples after its training, with its cache that loses the previous token. */
const isAsIs = (name: string): boolean => name.startsWith('after/cachedSample');

/**
 * `CondTransformer training`: images through the frozen tokenizer, cross-entropy given the class,
 * Adam.
 */
export const condTransformerTraining: Adapter = async (fixture, execute) => {
  const { stage1, transformer, steps, learningRate, adam, weightDecay } = readTraining(fixture);
  const [ofTokenizer, ofTransformer] = splitWeights(fixture, ['stage1_model.', 'transformer.']) as [
    LoadedCase,
    LoadedCase,
  ];
  const tokenizer = readModel({ ...ofTokenizer, config: stage1 }, readVectorQuantizer);
  loadWeights(tokenizer.model, tokenizer.table, ofTokenizer, tokenizer.fixed);
  const read = 'depthNumTokens' in transformer ? readRQTransformer : readGPT;
  const built = read(transformer, `${fixture.name}, transformer`);
  const { model, table } = built;
  loadWeights(model, table, ofTransformer);
  const optimizer = new Adam(parameterGroups(built, weightDecay, fixture), adam);
  const gradientsOf = createTransformerGradients({ model });
  const conditionsOf = (classes: tf.Tensor): tf.Tensor2D => tf.expandDims(classes, 1);

  const encoder = execute.prepare(({ image }) => ({ codes: tokenizer.model.encode(toChannelsLast(image!)) }));
  const trainer = execute.prepare(({ class: classes, codes, learningRate: rate }) => {
    const { values, gradients } = gradientsOf(conditionsOf(classes!), codes as tf.Tensor2D);
    optimizer.apply(gradients, rate as tf.Scalar);
    return { loss: values.loss! };
  });
  const measure = execute.prepare(({ class: classes, codes }) => ({
    loss: crossEntropy(model.logits(conditionsOf(classes!), codes as tf.Tensor2D), codes!),
  }));
  try {
    const { image, class: classes } = Object.fromEntries(tensorsUnder(fixture.tensors, 'in'));
    const codes = (await encoder.run(new Map([['image', image!]]))).get('codes')!;
    const batch = new Map([
      ['class', classes!],
      ['codes', codes],
    ]);
    const produced = new Map<string, HostTensor>([['out/codes', codes]]);
    for (let step = 0; step < steps; step++) {
      const rate = { shape: [], data: Float32Array.of(learningRate(step)) };
      const { loss } = Object.fromEntries(await trainer.run(new Map([...batch, ['learningRate', rate]])));
      produced.set(`out/step${step}/loss`, loss!);
    }
    produced.set('out/after/loss', (await measure.run(batch)).get('loss')!);
    const variables = model.namedVariables();
    for (const { name, referenceName, toReference } of table) {
      const variable = variables.get(name)!;
      const weight = toReference({ shape: variable.shape, data: (await variable.data<'float32'>()).slice() });
      // The second name is the one that checksums are made of.
      produced.set(`out/after/w/${referenceName}`, weight).set(`out/after/${referenceName}`, weight);
    }
    const outputs: Record<string, TensorEntry> = Object.fromEntries(
      Object.entries(fixture.outputs ?? {}).filter(([name]) => !isAsIs(name)),
    );
    const left = Object.keys(fixture.outputs ?? {}).filter(isAsIs);
    return {
      comparisons: compareCase({ ...fixture, outputs }, produced),
      notCompared:
        left.length > 0
          ? `${left.join(', ')} (sampled with the reference's cache, which loses the previous token)`
          : undefined,
    };
  } finally {
    for (const prepared of [encoder, trainer, measure]) prepared.dispose();
    optimizer.dispose();
    model.dispose();
    tokenizer.model.dispose();
  }
};
