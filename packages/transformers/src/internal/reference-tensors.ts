import type { HostTensor } from '@vitvq/core';

/** Tensor of a published checkpoint, and the variables that its values go to. */
export interface ReferenceTensor {
  /** Name in the checkpoint. */
  readonly name: string;
  /** Shape in the checkpoint. */
  readonly shape: readonly number[];
  /** Name of each variable, and how its values are made of those of the tensor. */
  readonly variables: Readonly<Record<string, (tensor: HostTensor) => HostTensor>>;
}

/** Maps a tensor to one variable of the same layout. */
export function same(variable: string, name: string, shape: readonly number[]): ReferenceTensor {
  return { name, shape, variables: { [variable]: (tensor) => tensor } };
}

/** Maps a dense weight, `[out, in]` in PyTorch, to a variable `[in, out]`. */
export function dense(variable: string, name: string, shape: readonly [number, number]): ReferenceTensor {
  return { name, shape, variables: { [variable]: (tensor) => transpose(tensor) } };
}

/** Returns rows `from` to `to` of the first axis. */
export function rows({ shape, data }: HostTensor, from: number, to: number): HostTensor {
  const [count, ...rest] = shape as [number, ...number[]];
  const size = data.length / count;
  return { shape: [to - from, ...rest], data: data.slice(from * size, to * size) };
}

/**
 * Transposes a matrix.
 * @param columnOf  row of the matrix that a column of the result has. @default the same
 */
export function transpose(
  { shape, data }: HostTensor,
  columnOf: (column: number) => number = (column) => column,
): HostTensor {
  const [height, width] = shape as [number, number];
  const result = new Float32Array(data.length);
  for (let column = 0; column < height; column++) {
    const start = columnOf(column) * width;
    for (let row = 0; row < width; row++) result[row * height + column] = data[start + row]!;
  }
  return { shape: [width, height], data: result };
}
