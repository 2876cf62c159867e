import type { Tensor } from '@tensorflow/tfjs-core';
import { assertShape, formatShape, ShapeError } from '@vitvq/core';

/** Checks that all tensors are float32 and of the shape of the first. @throws {ShapeError} */
export function assertSameFloats(tensors: Readonly<Record<string, Tensor>>, where: string): void {
  const [first, ...rest] = Object.entries(tensors);
  const [reference, { shape }] = first!;
  for (const [name, tensor] of rest) assertShape(tensor, shape, where, `${name} must have the shape of ${reference}.`);
  assertFloats(tensors, where, 'Cast it; images are float32 in [0, 1].');
}

/** Checks that all tensors are float32, of any shapes. @throws {ShapeError} */
export function assertFloats(tensors: Readonly<Record<string, Tensor>>, where: string, fix?: string): void {
  for (const [name, { dtype, shape }] of Object.entries(tensors)) {
    if (dtype !== 'float32') {
      throw new ShapeError({ where, expected: `${name} to be float32`, got: `${dtype} ${formatShape(shape)}`, fix });
    }
  }
}
