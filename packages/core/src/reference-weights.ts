import type { HostTensor } from './module.js';

/**
 * One weight of ours and where the PyTorch reference keeps it. A module family exports a function that lists these; the
 * checkpoint importer and the conformance runner read the same list. Both directions are linear, so they carry gradients too.
 */
export interface ReferenceWeight {
  /** Dotted name within our module. */
  readonly name: string;
  /** Name in the reference's `state_dict`. */
  readonly referenceName: string;
  readonly fromReference: (tensor: HostTensor) => HostTensor;
  readonly toReference: (tensor: HostTensor) => HostTensor;
}

/** Prefixes both names of every entry, to place a part inside a larger module. */
export function prefixReferenceWeights(
  weights: readonly ReferenceWeight[],
  prefix: string,
  referencePrefix: string,
): ReferenceWeight[] {
  return weights.map((weight) => ({
    ...weight,
    name: `${prefix}.${weight.name}`,
    referenceName: `${referencePrefix}.${weight.referenceName}`,
  }));
}

/** Same layout on both sides. */
export function sameWeight(name: string, referenceName: string): ReferenceWeight {
  return { name, referenceName, fromReference: (tensor) => tensor, toReference: (tensor) => tensor };
}

/** Linear weight: ours `[in, out]`, PyTorch's `[out, in]`. */
export function linearWeight(name: string, referenceName: string): ReferenceWeight {
  const transpose = (tensor: HostTensor): HostTensor => permuteHost(tensor, [1, 0]);
  return { name, referenceName, fromReference: transpose, toReference: transpose };
}

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
    fromReference: ({ data }) => ({ shape: [data.length], data }),
    toReference: ({ data }) => ({ shape: [1, data.length, 1, 1], data }),
  };
}

/** The tensor with its axes in the order `permutation`, copied. */
export function permuteHost({ shape, data }: HostTensor, permutation: readonly number[]): HostTensor {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const outShape = permutation.map((axis) => shape[axis]!);
  const outStrides = permutation.map((axis) => strides[axis]!);
  const out = data.slice();
  const position = new Array<number>(outShape.length).fill(0);
  let source = 0;
  for (let index = 0; index < out.length; index++) {
    out[index] = data[source]!;
    for (let axis = outShape.length - 1; axis >= 0; axis--) {
      position[axis]!++;
      source += outStrides[axis]!;
      if (position[axis]! < outShape[axis]!) break;
      source -= outStrides[axis]! * outShape[axis]!;
      position[axis] = 0;
    }
  }
  return { shape: outShape, data: out };
}
