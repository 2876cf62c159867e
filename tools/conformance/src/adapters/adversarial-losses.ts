import * as tf from '@tensorflow/tfjs';
import { binaryCrossEntropyLoss } from '@vitvq/losses';
import { ConfigReader } from '../config.js';
import type { TensorRecord } from '../execute.js';
import { tensorAdapter } from './adapter.js';
import { NoModule } from './discriminators.js';
import { runModule } from './gradients.js';
import { adversarialLossesByName } from './reference-loss.js';

/**
 * `hinge_d_loss`, `vanilla_d_loss`, `least_square_d_loss`: with fake logits alone the generator's
 * loss.
 */
export const adversarialLosses = tensorAdapter(async (fixture, execute) => {
  new ConfigReader(fixture.config, fixture.name).finish();
  const losses = ({ logitsFake, logitsReal }: TensorRecord): TensorRecord =>
    Object.fromEntries(
      Object.entries(adversarialLossesByName).flatMap(([name, loss]) => [
        [`${name}/generator`, loss.generator(logitsFake!)],
        [`${name}/discriminator`, loss.discriminator(logitsReal!, logitsFake!)],
      ]),
    );
  return runModule(
    {
      module: new NoModule(),
      table: [],
      inputs: ['logitsFake', 'logitsReal'],
      outputs: losses,
      scalars: (_, outputs) => outputs,
    },
    fixture,
    execute,
  );
});

/** `BCELoss` and `BCELossWithQuant`: loss = bce + codebookWeight · codebookLoss. */
export const binaryCrossEntropy = tensorAdapter(async (fixture, execute) => {
  const reader = new ConfigReader(fixture.config, fixture.name);
  const codebookWeight = reader.number('codebookWeight');
  reader.finish();
  return runModule(
    {
      module: new NoModule(),
      table: [],
      inputs: ['prediction', 'target', 'codebookLoss'],
      outputs: ({ prediction, target, codebookLoss }): TensorRecord => {
        const bce = binaryCrossEntropyLoss(prediction!, target!);
        const loss = tf.add(bce, tf.mul(codebookLoss!, codebookWeight));
        return {
          loss,
          bce,
          'log/train/total_loss': loss,
          'log/train/bce_loss': bce,
          'log/train/quant_loss': codebookLoss!,
        };
      },
      scalars: (_, { loss }) => ({ loss: loss! }),
    },
    fixture,
    execute,
  );
});
