import type { Adapter } from './adapter.js';
import { adversarialLosses, binaryCrossEntropy } from './adversarial-losses.js';
import { lightningCheckpoint } from './checkpoints.js';
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
import { lpips } from './lpips.js';
import { positions } from './positions.js';
import { exponentialDecay, warmupCosine, warmupLinear } from './schedules.js';
import { gpt, rqTransformer } from './stage2-models.js';
import { gptSampling, rqTransformerSampling, samplingFilter } from './stage2-sampling.js';
import { condTransformerTraining } from './stage2-training.js';
import { vectorQuantizer } from './vector-quantizer.js';
import { vqLPIPS, vqLPIPSWithDiscriminator } from './vq-lpips.js';
import { vitVQTraining } from './vit-vq-training.js';
import { vitVQ, vitVQGumbel } from './vit-vq.js';
import { vitDecoder, vitEncoder } from './vit.js';

/** By the manifest's name of the module. */
export const adapters: ReadonlyMap<string, Adapter> = new Map([
  ['get_2d_sincos_pos_embed', positions],
  ['ViTEncoder', vitEncoder],
  ['ViTDecoder', vitDecoder],
  ['VectorQuantizer', vectorQuantizer],
  ['GumbelQuantizer', gumbelQuantizer],
  ['VQTokenizer', vitVQ],
  ['ViTVQGumbel', vitVQGumbel],
  ['hinge_d_loss, vanilla_d_loss, least_square_d_loss', adversarialLosses],
  ['BCELoss, BCELossWithQuant', binaryCrossEntropy],
  ['LPIPS (lpips 0.1.4, vgg; re-created)', lpips],
  ['VQLPIPS', vqLPIPS],
  ['VQLPIPSWithDiscriminator', vqLPIPSWithDiscriminator],
  ['VQTokenizer training', vitVQTraining],
  ['CondTransformer training', condTransformerTraining],
  ['Lightning checkpoint of VQTokenizer', lightningCheckpoint],
  ['upfirdn2d', upfirdn],
  ['EqualConv2d', equalConv2d],
  ['EqualLinear', equalLinear],
  ['ConvLayer', convLayer],
  ['StyleBlock', styleBlock],
  ['StyleDiscriminator', styleDiscriminator],
  ['PatchDiscriminator', patchDiscriminator],
  ['ActNorm', actNorm],
  ['GPT', gpt],
  ['RQTransformer', rqTransformer],
  ['GPT.sample', gptSampling],
  ['RQTransformer.sample', rqTransformerSampling],
  ['sampling filter (top-k, top-p, temperature)', samplingFilter],
  ['ExponentialDecayScheduler', exponentialDecay],
  ['LambdaWarmUpCosineScheduler', warmupCosine],
  ['LambdaWarmUpLinearScheduler', warmupLinear],
  ['initialisation of ViTEncoder', vitEncoderInitialisation],
  ['initialisation of ViTDecoder', vitDecoderInitialisation],
]);
