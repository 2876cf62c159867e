import type { Tensor } from '@tensorflow/tfjs-core';
import { assertShape, formatShape, ShapeError } from '@vitvq/core';

/** All float32 and of the shape of the first one. @throws {ShapeError} */
export function assertSameFloats(tensors: Readonly<Record<string, Tensor>>, where: string): void {
  const [first, ...rest] = Object.entries(tensors);
  const [reference, { shape }] = first!;
  for (const [name, tensor] of rest) assertShape(tensor, shape, where, `${name} must have the shape of ${reference}.`);
  for (const [name, { dtype, shape: own }] of Object.entries(tensors)) {
    if (dtype !== 'float32') {
      const fix = 'Cast it; images are float32 in [0, 1].';
      throw new ShapeError({ where, expected: `${name} to be float32`, got: `${dtype} ${formatShape(own)}`, fix });
    }
  }
}
