/** Rules of matrix products and convolutions. */
import type { ConvolutionLayout } from '../../../ir/graph.js';
import type { OperationRules } from '../dialect.js';
import { tensorType } from '../literals.js';

const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`;

const axesOf: Record<ConvolutionLayout, string> = {
  channels_last: '[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]',
  channels_first: '[b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1]',
};

/** Axes of rows and columns of image, kernel and result. */
const spatialAxes: Record<ConvolutionLayout, readonly [number[], number[], number[]]> = {
  channels_last: [
    [1, 2],
    [0, 1],
    [1, 2],
  ],
  channels_first: [
    [2, 3],
    [2, 3],
    [2, 3],
  ],
};

/**
 * Rules of products. Their precision is the plug-in's default: exact float32 on a CPU, and what the
 * processor does best with float32 operands elsewhere.
 */
export const productRules = {
  dot_general: (w, { attributes, operands: [x, y], results: [z] }) => {
    const { lhsBatch, rhsBatch, lhsContract, rhsContract } = attributes;
    const batches = lhsBatch.length > 0 ? `batching_dims = ${list(lhsBatch)} x ${list(rhsBatch)}, ` : '';
    const contracted = `contracting_dims = ${list(lhsContract)} x ${list(rhsContract)}`;
    const types = `(${tensorType(x!)}, ${tensorType(y!)}) -> ${tensorType(z!)}`;
    return w.emit(`stablehlo.dot_general ${w.of(x!)}, ${w.of(y!)}, ${batches}${contracted} : ${types}`);
  },
  convolution: (w, { attributes, operands: [x, y], results: [z] }) => {
    const { layout, padding, strides, lhsDilation, rhsDilation } = attributes;
    const [top, left, bottom, right] = padding;
    const window = [
      `stride = ${list(strides)}`,
      `pad = [[${top}, ${bottom}], [${left}, ${right}]]`,
      `lhs_dilate = ${list(lhsDilation)}`,
      `rhs_dilate = ${list(rhsDilation)}`,
    ].join(', ');
    const groups = 'batch_group_count = 1 : i64, feature_group_count = 1 : i64';
    const types = `(${tensorType(x!)}, ${tensorType(y!)}) -> ${tensorType(z!)}`;
    // XLA's partitioner ends the process where it cuts rows or columns of a window that is padded
    // by a negative number (a check in `ReshardAsWindowedInput`); batches are cut, and channels.
    const [image, kernel, result] = spatialAxes[layout];
    const operands = [w.keepWhole(w.of(x!), x!, image), w.keepWhole(w.of(y!), y!, kernel)];
    const convolved = w.emit(
      `stablehlo.convolution(${operands.join(', ')}) dim_numbers = ${axesOf[layout]}, window = {${window}} {${groups}} : ${types}`,
    );
    return w.keepWhole(convolved, z!, result);
  },
} satisfies Partial<OperationRules>;
