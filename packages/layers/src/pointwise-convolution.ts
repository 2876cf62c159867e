import { permuteHost, sameWeight, torchLinearInitializer, type RandomKey, type ReferenceWeight } from '@vitvq/core';
import { Linear } from './linear.js';

/**
 * Creates a 1x1 convolution as a dense layer over the channels, which is one matrix product. The
 * variables `weight` `[in, out]` and `bias` `[out]` start as those of PyTorch's `nn.Conv2d`.
 */
export function pointwiseConvolution(inChannels: number, outChannels: number, key: RandomKey): Linear {
  const initializer = torchLinearInitializer(inChannels);
  return new Linear({
    inFeatures: inChannels,
    outFeatures: outChannels,
    key,
    initializer,
    biasInitializer: initializer,
  });
}

/**
 * Returns the weights of an `nn.Conv2d` with a 1x1 kernel, `[out, in, 1, 1]` there, for a `Linear`.
 */
export function pointwiseConvolutionReferenceWeights(): ReferenceWeight[] {
  return [
    {
      name: 'weight',
      referenceName: 'weight',
      fromReference: (tensor) => {
        const { shape, data } = permuteHost(tensor, [2, 3, 1, 0]);
        return { shape: shape.slice(2), data };
      },
      toReference: ({ shape, data }) => permuteHost({ shape: [1, 1, ...shape], data }, [3, 2, 0, 1]),
    },
    sameWeight('bias', 'bias'),
  ];
}
