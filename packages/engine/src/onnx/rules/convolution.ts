/** Rule of convolutions: ONNX convolves [B, C, H, W] with [O, C, KH, KW]. */
import { CompileError } from '../../errors.js';
import type { OperationOf, Value } from '../../ir/graph.js';
import type { OperationRules } from '../dialect.js';
import type { ModelWriter } from '../model-writer.js';
import { writeReverse } from './movement.js';

/** Rule of convolutions; one with a dilated image is a transposed convolution. */
export const convolutionRules = {
  convolution: (w, operation) => {
    const { layout, strides, lhsDilation } = operation.attributes;
    if (layout !== 'channels_first') {
      throw new CompileError({
        where: 'ONNX lowering',
        expected: 'convolutions with the channels first',
        got: layout,
        fix: 'Run the pass channelsFirst before.',
      });
    }
    if (lhsDilation.every((step) => step === 1)) return direct(w, operation);
    if (strides.some((stride) => stride !== 1)) {
      throw new CompileError({
        where: 'ONNX lowering',
        expected: 'a convolution that is strided or fractionally strided',
        got: `strides [${strides.join()}] and fractional strides [${lhsDilation.join()}]`,
        fix: 'Write it as two convolutions.',
      });
    }
    return transposed(w, operation);
  },
} satisfies Partial<OperationRules>;

function direct(w: ModelWriter, { operands, attributes }: OperationOf<'convolution'>): string {
  const [image, kernel] = operands as [Value, Value];
  const { padding, strides, rhsDilation } = attributes;
  const x = w.full(image);
  const crop = padding.map((pad) => Math.min(0, pad));
  const cropped = crop.some((pad) => pad < 0) ? padImage(w, x, crop) : x;
  return w.emit('Conv', [cropped, w.full(kernel)], {
    kernel_shape: kernel.shape.slice(2),
    strides,
    dilations: rhsDilation,
    pads: padding.map((pad) => Math.max(0, pad)),
  });
}

function transposed(w: ModelWriter, { operands, attributes }: OperationOf<'convolution'>): string {
  const [image, kernel] = operands as [Value, Value];
  const { padding, lhsDilation, rhsDilation } = attributes;
  const kernelShape = kernel.shape.slice(2);
  const x = w.full(image);
  const pads = padding.map((pad, side) => (kernelShape[side % 2]! - 1) * rhsDilation[side % 2]! - pad);
  const y = w.emit('ConvTranspose', [x, flippedKernel(w, kernel)], {
    kernel_shape: kernelShape,
    strides: lhsDilation,
    dilations: rhsDilation,
    pads: pads.map((pad) => Math.max(0, pad)),
  });
  // Beyond the reach of the kernel, the result is zero.
  const missing = pads.map((pad) => Math.max(0, -pad));
  return missing.some((pad) => pad > 0) ? padImage(w, y, missing) : y;
}

/** Pads, or crops where negative: top, left, bottom, right of [B, C, H, W]. */
function padImage(w: ModelWriter, name: string, [top, left, bottom, right]: readonly number[]): string {
  return w.emit('Pad', [name, w.integers([0, 0, top!, left!, 0, 0, bottom!, right!])]);
}

/**
 * Returns the kernel as ConvTranspose takes it, flipped and [C, O, KH, KW]. The kernel before a
 * flip is used directly.
 */
function flippedKernel(w: ModelWriter, kernel: Value): string {
  const transpose = kernel.producer?.kind === 'transpose' ? kernel.producer : undefined;
  const reverse = (transpose?.operands[0] ?? kernel).producer;
  const [features, channels, ...taps] = transpose?.attributes.permutation ?? [0, 1, 2, 3];
  if (reverse?.kind === 'reverse' && [...reverse.attributes.axes].sort().join() === [...taps].sort().join()) {
    return w.emit('Transpose', [w.full(reverse.operands[0]!)], { perm: [channels!, features!, ...taps] });
  }
  return w.emit('Transpose', [writeReverse(w, kernel, [2, 3])], { perm: [1, 0, 2, 3] });
}
