import { linearWeight, prefixReferenceWeights, sameWeight, type ReferenceWeight } from '@vitvq/core';
import { pointwiseConvolutionReferenceWeights } from '@vitvq/layers';

/** Where a PyTorch reference keeps the weights of the parts of a tokenizer. */
export interface TokenizerReferenceParts {
  /** Weights of the encoder, as `vitEncoderReferenceWeights(...)` of @vitvq/layers lists them. */
  readonly encoder: readonly ReferenceWeight[];
  readonly decoder: readonly ReferenceWeight[];
  /**
   * Weights of the quantizer, as `quantizerReferenceWeights(...)` of @vitvq/quantizers lists them.
   */
  readonly quantizer: readonly ReferenceWeight[];
}

/**
 * Returns where enhancing-transformers (its class `VQTokenizer`) keeps the weights of a
 * `VQTokenizer`: `encoder.`, `decoder.` and `quantizer.` before the names of the parts, and the
 * projections as `pre_quant` and `post_quant`.
 */
export function vitTokenizerReferenceWeights({
  encoder,
  decoder,
  quantizer,
}: TokenizerReferenceParts): ReferenceWeight[] {
  return [
    ...prefixReferenceWeights(encoder, 'encoder', 'encoder'),
    linearWeight('preQuantization.weight', 'pre_quant.weight'),
    sameWeight('preQuantization.bias', 'pre_quant.bias'),
    ...prefixReferenceWeights(quantizer, 'quantizer', 'quantizer'),
    linearWeight('postQuantization.weight', 'post_quant.weight'),
    sameWeight('postQuantization.bias', 'post_quant.bias'),
    ...prefixReferenceWeights(decoder, 'decoder', 'decoder'),
  ];
}

/**
 * Returns where taming-transformers and LlamaGen (their classes `VQModel`) keep the weights of a
 * `VQTokenizer` of convolutional networks: the parts as `cnnEncoderReferenceWeights(...)` and
 * others list them, `quantize.` before the quantizer, and the projections as the 1x1 convolutions
 * `quant_conv` and `post_quant_conv`.
 */
export function cnnTokenizerReferenceWeights({
  encoder,
  decoder,
  quantizer,
}: TokenizerReferenceParts): ReferenceWeight[] {
  return [
    ...prefixReferenceWeights(encoder, 'encoder', 'encoder'),
    ...prefixReferenceWeights(pointwiseConvolutionReferenceWeights(), 'preQuantization', 'quant_conv'),
    ...prefixReferenceWeights(quantizer, 'quantizer', 'quantize'),
    ...prefixReferenceWeights(pointwiseConvolutionReferenceWeights(), 'postQuantization', 'post_quant_conv'),
    ...prefixReferenceWeights(decoder, 'decoder', 'decoder'),
  ];
}
