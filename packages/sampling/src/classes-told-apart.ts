import { ClassConditioner, isMasked, type AnyConditioner, type AnyTokenModel } from '@vitvq/transformers';

/**
 * Returns the number of classes of which a model says how likely an image is of each; undefined for
 * conditions that are no classes, for one class, and for a masked model, which has no likelihood of
 * an image. `candidates` of an `ImageGenerator` are told apart by these classes.
 */
export function classesToldApart(model: AnyTokenModel, conditioner: AnyConditioner): number | undefined {
  const count = conditioner instanceof ClassConditioner && !isMasked(model) ? conditioner.classCount : 0;
  return count > 1 ? count : undefined;
}
