import { linearWeight, prefixReferenceWeights, sameWeight, type ReferenceWeight } from '@vitvq/core';
import { pointwiseConvolutionReferenceWeights } from '@vitvq/layers';

export interface ViTVQReferenceParts {
  /** Of the encoder, as `vitEncoderReferenceWeights(...)` of @vitvq/layers lists them. */
  readonly encoder: readonly ReferenceWeight[];
  readonly decoder: readonly ReferenceWeight[];
  /** Of the quantizer, as `vectorQuantizerReferenceWeights()` of @vitvq/quantizers lists them. */
  readonly quantizer: readonly ReferenceWeight[];
}

/**
 * Where the PyTorch reference (enhancing-transformers, `ViTVQ`) keeps the weights of a {@link ViTVQ}: `encoder.`,
 * `decoder.` and `quantizer.` before the names of the parts, and the projections as `pre_quant` and `post_quant`.
 */
export function viTVQReferenceWeights({ encoder, decoder, quantizer }: ViTVQReferenceParts): ReferenceWeight[] {
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
 * Where taming-transformers (`VQModel`) and LlamaGen (`VQModel`) keep the weights of a tokenizer with convolutions: the parts
 * as `cnnEncoderReferenceWeights(...)` and others list them, `quantize.` before the quantizer, the projections as the 1x1
 * convolutions `quant_conv` and `post_quant_conv`.
 */
export function cnnVQReferenceWeights({ encoder, decoder, quantizer }: ViTVQReferenceParts): ReferenceWeight[] {
  return [
    ...prefixReferenceWeights(encoder, 'encoder', 'encoder'),
    ...prefixReferenceWeights(pointwiseConvolutionReferenceWeights(), 'preQuantization', 'quant_conv'),
    ...prefixReferenceWeights(quantizer, 'quantizer', 'quantize'),
    ...prefixReferenceWeights(pointwiseConvolutionReferenceWeights(), 'postQuantization', 'post_quant_conv'),
    ...prefixReferenceWeights(decoder, 'decoder', 'decoder'),
  ];
}
