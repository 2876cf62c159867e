import type { Adapter } from './adapter.js';
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
  ['ExponentialDecayScheduler', exponentialDecay],
  ['LambdaWarmUpCosineScheduler', warmupCosine],
  ['LambdaWarmUpLinearScheduler', warmupLinear],
  ['initialisation of ViTEncoder', vitEncoderInitialisation],
  ['initialisation of ViTDecoder', vitDecoderInitialisation],
]);
