import * as tf from '@tensorflow/tfjs-core';

/** An attribute of one of TensorFlow's operations. */
interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: number;
}

/** What runs operations in the backend of the Node package, which TensorFlow.js does not type. */
export interface OperationBackend extends tf.KernelBackend {
  readonly binding: { readonly TF_ATTR_TYPE: number; readonly TF_INT32: number };
  readonly tensorMap: { get(dataId: object): { readonly shape: readonly number[] } };
  getDTypeInteger(dtype: tf.DataType): number;
  executeSingleOutput(name: string, attributes: readonly Attribute[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly tf.TensorInfo[],
    outputCount: number,
  ): tf.Tensor[];
}

/**
 * Gives operations their inputs in the right shape. Tensors that share data on another backend, as
 * one and its reshaped other do, still share it when they are moved to TensorFlow, whose tensors
 * have a shape of their own: it is that of the first one.
 */
export function mendMovedShapes(backend: OperationBackend): void {
  const single = backend.executeSingleOutput.bind(backend);
  const multiple = backend.executeMultipleOutputs.bind(backend);
  const { TF_ATTR_TYPE: type, TF_INT32: int32 } = backend.binding;

  const reshape = (input: tf.TensorInfo, moved: readonly number[]): tf.Tensor => {
    const shape = tf.tensor1d(input.shape, 'int32');
    const attributes = [
      { name: 'T', type, value: backend.getDTypeInteger(input.dtype) },
      { name: 'Tshape', type, value: int32 },
    ];
    try {
      return single('Reshape', attributes, [{ ...input, shape: [...moved] }, shape]);
    } finally {
      shape.dispose();
    }
  };
  const withInputs = <T>(inputs: readonly tf.TensorInfo[], run: (inputs: readonly tf.TensorInfo[]) => T): T => {
    const reshaped: tf.Tensor[] = [];
    const given = inputs.map((input) => {
      // Integers of 64 bits, which no tensor of TensorFlow.js has, are no tensors.
      const moved = (input.dataId as object | undefined) && backend.tensorMap.get(input.dataId).shape;
      if (!moved || tf.util.arraysEqual([...moved], input.shape)) return input;
      reshaped.push(reshape(input, moved));
      return reshaped.at(-1)!;
    });
    try {
      return run(given);
    } finally {
      tf.dispose(reshaped);
    }
  };
  backend.executeSingleOutput = (name, attributes, inputs) =>
    withInputs(inputs, (given) => single(name, attributes, given));
  backend.executeMultipleOutputs = (name, attributes, inputs, count) =>
    withInputs(inputs, (given) => multiple(name, attributes, given, count));
}
