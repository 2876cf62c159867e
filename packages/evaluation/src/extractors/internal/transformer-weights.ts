import { permuteHost, type HostTensor } from '@vitvq/core';
import type { FrozenBlockOptions } from './frozen-block.js';
import type { ImportedWeight } from './imported-weights.js';

/** Names of the parts of a block in a file, without `.weight` and `.bias`. */
export interface BlockNames {
  readonly attentionNorm: string;
  /** Queries, keys and values: names of their weights and biases, together or each by itself. */
  readonly qkv: readonly { readonly weight: string; readonly bias: string }[];
  readonly output: string;
  readonly mlpNorm: string;
  readonly hidden: string;
  readonly projection: string;
  /** Names of the two scales by channel, where there are any. */
  readonly scales?: readonly [string, string];
}

/** Returns a weight that the file has in the same layout. */
export function sameTensor(variable: string, name: string, shape: readonly number[]): ImportedWeight {
  return { variable, sources: [{ name, shape }], convert: ([tensor]) => tensor! };
}

/** Returns a weight of which the file has the transpose. */
export function transposedTensor(variable: string, name: string, shape: readonly [number, number]): ImportedWeight {
  return { variable, sources: [{ name, shape }], convert: ([tensor]) => permuteHost(tensor!, [1, 0]) };
}

/** Returns scale and bias of an `nn.LayerNorm`. */
export function normWeights(variable: string, name: string, width: number): ImportedWeight[] {
  return [
    sameTensor(`${variable}.scale`, `${name}.weight`, [width]),
    sameTensor(`${variable}.bias`, `${name}.bias`, [width]),
  ];
}

function linearWeights(variable: string, name: string, from: number, to: number): ImportedWeight[] {
  return [
    transposedTensor(`${variable}.weight`, `${name}.weight`, [to, from]),
    sameTensor(`${variable}.bias`, `${name}.bias`, [to]),
  ];
}

/** Returns the filter of an `nn.Conv2d` whose stride is its size, as the matrix of a patch. */
export function patchWeight(variable: string, name: string, width: number, patchSize: number): ImportedWeight {
  return {
    variable,
    sources: [{ name, shape: [width, 3, patchSize, patchSize] }],
    convert: ([filter]) => ({
      shape: [patchSize * patchSize * 3, width],
      data: permuteHost(filter!, [2, 3, 1, 0]).data,
    }),
  };
}

/** Returns a weight that is zero, because the network has none. */
export function zeroWeight(variable: string, shape: readonly number[]): ImportedWeight {
  const size = shape.reduce((product, axis) => product * axis, 1);
  return { variable, sources: [], convert: () => ({ shape, data: new Float32Array(size) }) };
}

/** Returns the weights of a `FrozenBlock`. */
export function blockWeights(
  variable: string,
  names: BlockNames,
  { width, mlpWidth, feedForward }: Pick<FrozenBlockOptions, 'width' | 'mlpWidth' | 'feedForward'>,
): ImportedWeight[] {
  const { qkv } = names;
  const rows = (3 * width) / qkv.length;
  return [
    ...normWeights(`${variable}.attentionNorm`, names.attentionNorm, width),
    {
      variable: `${variable}.qkv.weight`,
      sources: qkv.map(({ weight }) => ({ name: weight, shape: [rows, width] })),
      convert: (tensors) => permuteHost(joined(tensors, [3 * width, width]), [1, 0]),
    },
    {
      variable: `${variable}.qkv.bias`,
      sources: qkv.map(({ bias }) => ({ name: bias, shape: [rows] })),
      convert: (tensors) => joined(tensors, [3 * width]),
    },
    ...linearWeights(`${variable}.output`, names.output, width, width),
    ...normWeights(`${variable}.mlpNorm`, names.mlpNorm, width),
    ...linearWeights(`${variable}.hidden`, names.hidden, width, feedForward === 'swiglu' ? 2 * mlpWidth : mlpWidth),
    ...linearWeights(`${variable}.projection`, names.projection, mlpWidth, width),
    ...(names.scales
      ? [
          sameTensor(`${variable}.attentionScale`, names.scales[0], [width]),
          sameTensor(`${variable}.mlpScale`, names.scales[1], [width]),
        ]
      : []),
  ];
}

/** Joins tensors along their first axis. */
function joined(tensors: readonly HostTensor[], shape: readonly number[]): HostTensor {
  const data = new Float32Array(shape.reduce((product, axis) => product * axis, 1));
  let done = 0;
  for (const { data: part } of tensors) {
    data.set(part, done);
    done += part.length;
  }
  return { shape, data };
}
