import type { HostTensor } from './module.js';

/**
 * Maps one weight of a module to its place in the PyTorch reference. A module family exports a
 * function that lists these; the checkpoint importer and the conformance runner read the same list.
 * Both directions are linear, so that they convert gradients too.
 */
export interface ReferenceWeight {
  /** Dotted name within the module. */
  readonly name: string;
  /** Name in the reference's `state_dict`. */
  readonly referenceName: string;
  /** Converts the reference's layout to the module's. */
  readonly fromReference: (tensor: HostTensor) => HostTensor;
  /** Converts the module's layout to the reference's. */
  readonly toReference: (tensor: HostTensor) => HostTensor;
}

/** Prefixes both names of every entry, which places a part inside a larger module. */
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

/** Maps a weight that has the same layout on both sides. */
export function sameWeight(name: string, referenceName: string): ReferenceWeight {
  return { name, referenceName, fromReference: (tensor) => tensor, toReference: (tensor) => tensor };
}

/** Maps a linear weight: `[in, out]` here, `[out, in]` in PyTorch. */
export function linearWeight(name: string, referenceName: string): ReferenceWeight {
  const transpose = (tensor: HostTensor): HostTensor => permuteHost(tensor, [1, 0]);
  return { name, referenceName, fromReference: transpose, toReference: transpose };
}

/** Maps a convolution kernel: `[kh, kw, in, out]` here, `[out, in, kh, kw]` in PyTorch. */
export function convolutionWeight(name: string, referenceName: string): ReferenceWeight {
  return {
    name,
    referenceName,
    fromReference: (tensor) => permuteHost(tensor, [2, 3, 1, 0]),
    toReference: (tensor) => permuteHost(tensor, [3, 2, 0, 1]),
  };
}

/** Maps one value per channel: `[C]` here, `[1, C, 1, 1]` in PyTorch. */
export function channelWeight(name: string, referenceName: string): ReferenceWeight {
  return {
    name,
    referenceName,
    fromReference: ({ data }) => ({ shape: [data.length], data }),
    toReference: ({ data }) => ({ shape: [1, data.length, 1, 1], data }),
  };
}

/** Returns a copy of the tensor with its axes in the order `permutation`. */
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
