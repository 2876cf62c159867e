import { permuteHost } from '@vitvq/core';
import type { HostTensor, ReferenceWeight } from '@vitvq/core';

/** Convolution filter: ours `[kh, kw, in, out]`, PyTorch's `[out, in, kh, kw]`. */
export function convolutionWeight(name: string, referenceName: string): ReferenceWeight {
  return {
    name,
    referenceName,
    fromReference: (tensor) => permuteHost(tensor, [2, 3, 1, 0]),
    toReference: (tensor) => permuteHost(tensor, [3, 2, 0, 1]),
  };
}

/** A value a channel: ours `[C]`, PyTorch's `[1, C, 1, 1]`. */
export function channelWeight(name: string, referenceName: string): ReferenceWeight {
  return {
    name,
    referenceName,
    fromReference: ({ data }: HostTensor) => ({ shape: [data.length], data }),
    toReference: ({ data }: HostTensor) => ({ shape: [1, data.length, 1, 1], data }),
  };
}
