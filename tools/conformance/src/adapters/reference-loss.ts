import * as tf from '@tensorflow/tfjs';
import { DataError, randomKey, type AdversarialLoss, type Module } from '@vitvq/core';
import { StyleDiscriminator, styleDiscriminatorReferenceWeights } from '@vitvq/discriminator';
import {
  hingeAdversarialLoss,
  l1Loss,
  l2Loss,
  leastSquaresAdversarialLoss,
  vanillaAdversarialLoss,
  type LPIPS,
} from '@vitvq/losses';
import type { TokenizerLossOptions, TokenizerLossWeights, LossValues } from '@vitvq/stage1-trainer';
import { ConfigReader } from '../config.js';
import type { TensorRecord } from '../execute.js';
import type { Config, LoadedCase } from '../fixture.js';
import { readStyleDiscriminatorOptions, storedKernels } from './discriminators.js';
import { loadWeights } from './gradients.js';

/** By the reference's names. */
export const adversarialLossesByName: Readonly<Record<string, AdversarialLoss>> = {
  hinge: hingeAdversarialLoss,
  vanilla: vanillaAdversarialLoss,
  least_square: leastSquaresAdversarialLoss,
};

/** The discriminator's side of the reference's `VQLPIPSWithDiscriminator`. */
export interface ReferenceAdversary {
  readonly discriminator: StyleDiscriminator;
  readonly table: ReturnType<typeof styleDiscriminatorReferenceWeights>;
  readonly loss: AdversarialLoss;
  readonly adaptiveWeight: boolean;
  /** First step with an adversarial loss. */
  readonly start: number;
  /** Weight of R1 in a step that has it. */
  readonly r1Weight: number;
  readonly r1Every: number;
}

/** A loss of the reference, its networks with their weights. */
export interface ReferenceLoss {
  readonly weights: Required<TokenizerLossWeights>;
  readonly perceptual: LPIPS;
  readonly adversary: ReferenceAdversary | undefined;
}

/**
 * Reads the loss that `config` says, with the reference's defaults.
 * @param discriminatorWeights  the case with the weights of the discriminator alone; without, the
 *   loss has none
 */
export function readReferenceLoss(
  config: Config,
  where: string,
  perceptual: LPIPS,
  discriminatorWeights?: LoadedCase,
): ReferenceLoss {
  const reader = new ConfigReader(config, where);
  const weights = {
    l1: reader.number('loglaplaceWeight', 1),
    l2: reader.number('loggaussianWeight', 1),
    imageGradient: 0,
    logitLaplace: 0,
    quantizer: reader.number('codebookWeight', 1),
    perceptual: reader.number('perceptualWeight', 1),
    adversarial: discriminatorWeights ? reader.number('adversarialWeight', 1) : 0,
    alignment: 0,
  };
  const adversary = discriminatorWeights && readAdversary(reader, where, discriminatorWeights);
  reader.finish();
  return { weights, perceptual, adversary };
}

function readAdversary(reader: ConfigReader, where: string, fixture: LoadedCase): ReferenceAdversary {
  const name = reader.string('discLoss', 'vanilla');
  const loss = adversarialLossesByName[name];
  if (!loss) {
    throw new DataError({
      where,
      expected: `discLoss of ${Object.keys(adversarialLossesByName).join(', ')}`,
      got: name,
    });
  }
  const options = readStyleDiscriminatorOptions(reader.section('discParams'), `${where}, discParams`);
  const table = styleDiscriminatorReferenceWeights(options);
  const every = reader.number('doR1Every', 16);
  const adversary = {
    discriminator: new StyleDiscriminator({ ...options, key: randomKey(0) }),
    table,
    loss,
    adaptiveWeight: reader.boolean('useAdaptiveAdv', false),
    start: reader.number('discStart', 0),
    r1Weight: (reader.number('r1Gamma', 10) * every) / 2,
    r1Every: every,
  };
  loadWeights(adversary.discriminator, table, fixture, storedKernels(fixture, options.blurKernel));
  return adversary;
}

/** The options of the library's loss for it. */
export function lossOptions(
  { weights, perceptual, adversary }: ReferenceLoss,
  tokenizer: TokenizerLossOptions['tokenizer'],
): TokenizerLossOptions {
  return { tokenizer, weights, perceptual, adversarial: adversary };
}

/**
 * The autoencoder's log of the reference, without the split in front of the names. It has terms of
 * weight 0 too, which the library does not compute.
 */
export function autoencoderLog(
  { weights, perceptual, adversary }: ReferenceLoss,
  values: LossValues,
  reconstruction: tf.Tensor4D,
  images: tf.Tensor4D,
): TensorRecord {
  const l1 = values['l1'] ?? l1Loss(reconstruction, images);
  const l2 = values['l2'] ?? l2Loss(reconstruction, images);
  const lpips = values['perceptual'] ?? tf.mean(perceptual.distance(images, reconstruction));
  const log: TensorRecord = {
    total_loss: values['loss']!,
    quant_loss: values['quantizer']!,
    rec_loss: tf.addN([tf.mul(l1, weights.l1), tf.mul(l2, weights.l2), tf.mul(lpips, weights.perceptual)]),
    loglaplace_loss: l1,
    loggaussian_loss: l2,
    perceptual_loss: lpips,
  };
  if (!adversary) return log;
  log['g_loss'] = values['adversarial'] ?? adversary.loss.generator(adversary.discriminator.logits(reconstruction));
  if (adversary.adaptiveWeight) {
    log['d_weight'] = tf.mul(values['adaptiveWeight'] ?? tf.scalar(0), weights.adversarial);
  }
  return log;
}

/** The discriminator's log of the reference, without the split in front of the names. */
export function discriminatorLog({ discriminator, logitsReal, logitsFake, r1 }: LossValues): TensorRecord {
  const log = { disc_loss: discriminator!, logits_real: logitsReal!, logits_fake: logitsFake! };
  return r1 ? { ...log, r1_reg: r1 } : log;
}

/** Frees what `readReferenceLoss` made. */
export function disposeLoss({ perceptual, adversary }: ReferenceLoss): void {
  const modules: (Module | undefined)[] = [perceptual, adversary?.discriminator];
  for (const module of modules) module?.dispose();
}
