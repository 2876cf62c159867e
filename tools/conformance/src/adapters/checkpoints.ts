import path from 'node:path';
import { openPyTorchCheckpoint } from '@vitvq/checkpoint';
import { DataError, formatShape, type HostTensor } from '@vitvq/core';
import { checksum } from '../checksum.js';
import { compareCase, compareValues, failed, type Comparison } from '../compare.js';
import type { Execute } from '../execute.js';
import { tensorsUnder, type LoadedCase } from '../fixture.js';
import type { Adapter } from './adapter.js';
import { loadWeights, runModule, toChannelsFirst, toChannelsLast } from './gradients.js';
import { readVectorQuantizer } from './vector-quantizer.js';
import { readModel } from './vit-vq.js';

/** Weights of the loss and its discriminator, which training saves beside the model's. */
const lossPrefix = 'loss.';

/** The manifest prints checksums with nine digits, and sums in another order. */
const checksumTolerance = 1e-6;

/**
 * `Lightning checkpoint of VQTokenizer`: each file has the weights that the case lists, and the model
 * made of them its outputs.
 */
export const lightningCheckpoint: Adapter = async (fixture, execute) => {
  const comparisons: Comparison[] = [];
  for (const [format, { file }] of Object.entries(fixture.checkpoints ?? {})) {
    const opened = await openPyTorchCheckpoint(path.join(fixture.folder, file));
    try {
      if (opened.format !== format)
        throw new DataError({ where: file, expected: `format ${format}`, got: opened.format });
      const weights = new Map<string, HostTensor>();
      for (const entry of opened.entries) weights.set(entry.name, await opened.read(entry));
      const found = [...compareWeights(fixture, weights), ...(await compareOutputs(fixture, weights, execute))];
      comparisons.push(...found.map((each) => ({ ...each, name: `${format}/${each.name}` })));
    } finally {
      await opened.close();
    }
  }
  return { comparisons };
};

/**
 * Names and shapes of all weights, checksums where the case has them (of shared ones once), and the
 * values of those that the case stores.
 */
function compareWeights(fixture: LoadedCase, weights: ReadonlyMap<string, HostTensor>): Comparison[] {
  const { stateDict = {}, checksums = {} } = fixture;
  const unexpected = [...weights.keys()].filter((name) => !(name in stateDict));
  return [
    ...unexpected.map((name) => failed(name, 'not in the state dict of the case')),
    ...Object.entries(stateDict).map(([name, shape]) => {
      const got = weights.get(name);
      if (!got) return failed(name, 'not in the file');
      if (formatShape(got.shape) !== formatShape(shape)) {
        return failed(name, `shape ${formatShape(got.shape)} instead of ${formatShape(shape)}`);
      }
      const expected = checksums[name];
      if (!expected) return { name, ratio: 0 };
      const largest = Math.max(1, ...expected.map(Math.abs));
      return compareValues(name, checksum(name, got).data, expected, checksumTolerance * largest);
    }),
    ...[...tensorsUnder(fixture.tensors, 'w')].map(([name, { data }]) =>
      compareValues(`w/${name}`, weights.get(name)?.data ?? [], data, 0),
    ),
  ];
}

async function compareOutputs(
  fixture: LoadedCase,
  weights: ReadonlyMap<string, HostTensor>,
  execute: Execute,
): Promise<Comparison[]> {
  const config = Object.fromEntries(Object.entries(fixture.config).filter(([name]) => name !== 'loss'));
  const tensors = new Map([
    ...[...weights].flatMap(([name, tensor]): [string, HostTensor][] =>
      name.startsWith(lossPrefix) ? [] : [[`w/${name}`, tensor]],
    ),
    ['in/image', fixture.tensors.get('in/image')!],
  ]);
  const loaded = { ...fixture, config, tensors };
  const { model, table, fixed } = readModel(loaded, readVectorQuantizer);
  try {
    loadWeights(model, table, loaded, fixed);
    const outputs = await runModule(
      {
        module: model,
        table,
        inputs: ['image'],
        outputs: ({ image }) => {
          const { reconstruction, indices, quantizerLoss } = model.forward(toChannelsLast(image!));
          return {
            reconstruction: toChannelsFirst(reconstruction),
            quantLoss: quantizerLoss,
            codes: indices,
            decodeCodes: toChannelsFirst(model.decode(indices, { clamp: false })),
          };
        },
        scalars: () => ({}),
      },
      loaded,
      execute,
    );
    return compareCase(fixture, outputs);
  } finally {
    model.dispose();
  }
}
