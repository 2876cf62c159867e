import type { Tensor } from '@tensorflow/tfjs-core';
import { assertMembers, assertShape, formatShape, ShapeError } from '@vitvq/core';

/**
 * Checks that all tensors are there, float32 and of the shape of the first.
 * @throws {ShapeError} @throws {ConfigError} for what is no tensor
 */
export function assertSameFloats(tensors: Readonly<Record<string, Tensor>>, where: string): void {
  for (const [name, tensor] of Object.entries(tensors)) assertTensor(tensor, name, where);
  const [first, ...rest] = Object.entries(tensors);
  const [reference, { shape }] = first!;
  for (const [name, tensor] of rest) assertShape(tensor, shape, where, `${name} must have the shape of ${reference}.`);
  assertFloats(tensors, where, 'Cast it; images are float32 in [0, 1].');
}

/**
 * Checks that all tensors are there and float32, of any shapes.
 * @throws {ShapeError} @throws {ConfigError} for what is no tensor
 */
export function assertFloats(tensors: Readonly<Record<string, Tensor>>, where: string, fix?: string): void {
  for (const [name, tensor] of Object.entries(tensors)) {
    assertTensor(tensor, name, where);
    const { dtype, shape } = tensor;
    if (dtype !== 'float32') {
      throw new ShapeError({ where, expected: `${name} to be float32`, got: `${dtype} ${formatShape(shape)}`, fix });
    }
  }
}

function assertTensor(tensor: Tensor, name: string, where: string): void {
  assertMembers(tensor, ['shape', 'dtype'], `the tensor ${name}`, where);
}
