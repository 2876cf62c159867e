import type { Adapter } from './adapter.js';
import { vitDecoderInitialisation, vitEncoderInitialisation } from './initialisation.js';
import { positions } from './positions.js';
import { exponentialDecay, warmupCosine, warmupLinear } from './schedules.js';
import { vectorQuantizer } from './vector-quantizer.js';
import { vitVQ } from './vit-vq.js';
import { vitDecoder, vitEncoder } from './vit.js';

/** By the manifest's name of the module. */
export const adapters: ReadonlyMap<string, Adapter> = new Map([
  ['get_2d_sincos_pos_embed', positions],
  ['ViTEncoder', vitEncoder],
  ['ViTDecoder', vitDecoder],
  ['VectorQuantizer', vectorQuantizer],
  ['ViTVQ', vitVQ],
  ['ExponentialDecayScheduler', exponentialDecay],
  ['LambdaWarmUpCosineScheduler', warmupCosine],
  ['LambdaWarmUpLinearScheduler', warmupLinear],
  ['initialisation of ViTEncoder', vitEncoderInitialisation],
  ['initialisation of ViTDecoder', vitDecoderInitialisation],
]);
