import * as tf from '@tensorflow/tfjs';
import { DataError, type HostTensor, type Module, type ReferenceWeight } from '@vitvq/core';
import { fnv1a, hashSym } from '../checksum.js';
import type { Execute, TensorRecord } from '../execute.js';
import { tensorsUnder, type FixtureCase, type LoadedCase } from '../fixture.js';

/**
 * Loads a case's weights into a module. `fixed` names weights of the reference that are computed
 * here, not loaded.
 */
export function loadWeights(
  module: Module,
  table: readonly ReferenceWeight[],
  { name, tensors }: LoadedCase,
  fixed: readonly string[] = [],
): void {
  const weights = tensorsUnder(tensors, 'w');
  const known = new Set([...table.map(({ referenceName }) => referenceName), ...fixed]);
  const missing = [...known].filter((weight) => !weights.has(weight));
  const unexpected = [...weights.keys()].filter((weight) => !known.has(weight));
  if (missing.length > 0 || unexpected.length > 0) {
    throw new DataError({
      where: name,
      expected: 'the weights that the table of reference weights lists',
      got: [
        missing.length > 0 ? `none named ${missing.join(', ')}` : '',
        unexpected.length > 0 ? `others: ${unexpected.join(', ')}` : '',
      ]
        .filter(Boolean)
        .join('; '),
    });
  }
  module.loadVariables(
    new Map(table.map((weight) => [weight.name, weight.fromReference(weights.get(weight.referenceName)!)])),
  );
}

/**
 * Sets a module's variables by the hash rule of a case that stores none, `value` from the hash
 * number to the weight.
 */
export function loadHashedWeights(
  module: Module,
  table: readonly ReferenceWeight[],
  { hashSeed }: NonNullable<FixtureCase['hashWeights']>,
  value: (hash: number, shape: readonly number[], referenceName: string, index: number) => number,
): void {
  const variables = module.namedVariables();
  module.loadVariables(
    new Map(
      table.map((weight) => {
        const { shape } = variables.get(weight.name)!;
        const size = shape.reduce((product, side) => product * side, 1);
        const reference = weight.toReference({ shape, data: new Float32Array(size) });
        const seed = (fnv1a(weight.referenceName) ^ hashSeed) >>> 0;
        const data = Float32Array.from({ length: size }, (_, index) =>
          value(hashSym(index, seed), reference.shape, weight.referenceName, index),
        );
        return [weight.name, weight.fromReference({ shape: reference.shape, data })];
      }),
    ),
  );
}

export interface ModuleRun {
  readonly module: Module;
  readonly table: readonly ReferenceWeight[];
  /** Names of the inputs that a case may have; another one may change what it means. */
  readonly inputs: readonly string[];
  /** From the case's inputs, in PyTorch's layout, to outputs in that layout. */
  readonly outputs: (inputs: TensorRecord) => TensorRecord;
  /** From inputs and outputs to the scalars whose gradients the case asks for. */
  readonly scalars: (inputs: TensorRecord, outputs: TensorRecord) => TensorRecord;
}

/** Outputs and gradients of a module, by the names and in the layouts of the case's file. */
export async function runModule(
  { module, table, inputs: known, outputs, scalars }: ModuleRun,
  { name: where, tensors, grads = {} }: LoadedCase,
  execute: Execute,
): Promise<Map<string, HostTensor>> {
  const given = tensorsUnder(tensors, 'in');
  const unknown = [...given.keys()].filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new DataError({ where, expected: `the inputs ${known.join(', ')}`, got: `others: ${unknown.join(', ')}` });
  }
  // A scalar's name may have slashes itself.
  const names = [...new Set(Object.keys(grads).map((name) => name.replace(/\/(in|w)\/.*$/, '')))];
  const variables = [...module.namedTrainableVariables()];
  const computed = await execute((inputs) => {
    const named: [string, tf.Tensor][] = [
      ...Object.entries(inputs).map(([name, tensor]): [string, tf.Tensor] => [`in/${name}`, tensor]),
      ...variables.map(([name, variable]): [string, tf.Tensor] => [`w/${name}`, variable]),
    ];
    const sources = named.filter(([, tensor]) => tensor.dtype === 'float32');
    const results: TensorRecord = {};
    for (const [name, tensor] of Object.entries(outputs(inputs))) results[`out/${name}`] = tensor;
    for (const scalar of names) {
      const loss = (): tf.Scalar => {
        const value = scalars(inputs, outputs(inputs))[scalar];
        if (!value)
          throw new DataError({ where, expected: 'gradients of scalars that the adapter knows', got: scalar });
        return value as tf.Scalar;
      };
      const { grads: gradients } = tf.engine().gradients(
        loss,
        sources.map(([, tensor]) => tensor),
        undefined,
        true,
      );
      sources.forEach(([name, tensor], index) => {
        // Where a scalar does not depend on a tensor there is no gradient, which PyTorch's cases
        // store as zeros.
        results[`grad/${scalar}/${name}`] = gradients[index] ?? tf.zerosLike(tensor);
      });
    }
    return results;
  }, given);
  return inReferenceLayout(computed, table);
}

/** Renames `grad/<scalar>/w/<our name>` and brings it into PyTorch's layout. */
export function inReferenceLayout(
  computed: ReadonlyMap<string, HostTensor>,
  table: readonly ReferenceWeight[],
): Map<string, HostTensor> {
  const weights = new Map(table.map((weight) => [weight.name, weight]));
  return new Map(
    [...computed].map(([name, tensor]) => {
      const match = /^(grad\/.+?\/w\/)(.+)$/.exec(name);
      const weight = match && weights.get(match[2]!);
      return weight ? [`${match[1]}${weight.referenceName}`, weight.toReference(tensor)] : [name, tensor];
    }),
  );
}

/** `[B, C, H, W]` to `[B, H, W, C]`. */
export function toChannelsLast(images: tf.Tensor): tf.Tensor4D {
  return tf.transpose(images as tf.Tensor4D, [0, 2, 3, 1]);
}

/** `[B, H, W, C]` to `[B, C, H, W]`. */
export function toChannelsFirst(images: tf.Tensor4D): tf.Tensor4D {
  return tf.transpose(images, [0, 3, 1, 2]);
}
