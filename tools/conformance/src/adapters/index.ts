import type { Adapter } from './adapter.js';
import { adversarialLosses, binaryCrossEntropy } from './adversarial-losses.js';
import {
  actNorm,
  convLayer,
  equalConv2d,
  equalLinear,
  patchDiscriminator,
  styleBlock,
  styleDiscriminator,
  upfirdn,
} from './discriminators.js';
import { gumbelQuantizer } from './gumbel-quantizer.js';
import { vitDecoderInitialisation, vitEncoderInitialisation } from './initialisation.js';
import { positions } from './positions.js';
import { exponentialDecay, warmupCosine, warmupLinear } from './schedules.js';
import { vectorQuantizer } from './vector-quantizer.js';
import { vitVQ, vitVQGumbel } from './vit-vq.js';
import { vitDecoder, vitEncoder } from './vit.js';

/** By the manifest's name of the module. */
export const adapters: ReadonlyMap<string, Adapter> = new Map([
  ['get_2d_sincos_pos_embed', positions],
  ['ViTEncoder', vitEncoder],
  ['ViTDecoder', vitDecoder],
  ['VectorQuantizer', vectorQuantizer],
  ['GumbelQuantizer', gumbelQuantizer],
  ['ViTVQ', vitVQ],
  ['ViTVQGumbel', vitVQGumbel],
  ['hinge_d_loss, vanilla_d_loss, least_square_d_loss', adversarialLosses],
  ['BCELoss, BCELossWithQuant', binaryCrossEntropy],
  ['upfirdn2d', upfirdn],
  ['EqualConv2d', equalConv2d],
  ['EqualLinear', equalLinear],
  ['ConvLayer', convLayer],
  ['StyleBlock', styleBlock],
  ['StyleDiscriminator', styleDiscriminator],
  ['PatchDiscriminator', patchDiscriminator],
  ['ActNorm', actNorm],
  ['ExponentialDecayScheduler', exponentialDecay],
  ['LambdaWarmUpCosineScheduler', warmupCosine],
  ['LambdaWarmUpLinearScheduler', warmupLinear],
  ['initialisation of ViTEncoder', vitEncoderInitialisation],
  ['initialisation of ViTDecoder', vitDecoderInitialisation],
]);
