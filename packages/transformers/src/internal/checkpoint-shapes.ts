import { DataError, formatShape } from '@vitvq/core';

/** Names and shapes of a checkpoint. */
interface NamedShapes {
  readonly file: string;
  readonly entries: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** Shapes of a checkpoint by name, with errors that name what is missing. */
export class CheckpointShapes {
  readonly file: string;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  constructor({ file, entries }: NamedShapes) {
    this.file = file;
    this.#shapes = new Map(entries.map(({ name, shape }) => [name, shape]));
  }

  /**
   * Returns the shape of a tensor.
   * @throws {DataError} when the tensor is missing, empty, or has another number of axes
   */
  of(name: string, axes: number): readonly number[] {
    const shape = this.#shapes.get(name);
    if (shape?.length === axes && !shape.includes(0)) return shape;
    throw new DataError({
      where: this.file,
      expected: `tensor ${name} of ${axes} axes, from which the config is inferred`,
      got: shape ? formatShape(shape) : 'none',
    });
  }

  has(name: string): boolean {
    return this.#shapes.has(name);
  }

  /** Returns the number of tensors `name(0)`, `name(1)`, ... that exist. */
  count(name: (index: number) => string): number {
    let count = 0;
    while (this.has(name(count))) count++;
    return count;
  }
}
