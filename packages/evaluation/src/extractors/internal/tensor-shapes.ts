import type { TensorFile } from '@vitvq/checkpoint';
import { DataError, formatShape, printable } from '@vitvq/core';

/** Shapes of the tensors of a file by name, with errors that say what the file should be. */
export class TensorShapes {
  readonly #file: string;
  readonly #noun: string;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  /** @param noun  what the file should be, such as "CLIP of OpenAI" */
  constructor({ file, entries }: TensorFile, noun: string) {
    this.#file = file;
    this.#noun = noun;
    this.#shapes = new Map(entries.map(({ name, shape }) => [name, shape]));
  }

  /** Returns whether there is a tensor of a name. */
  has(name: string): boolean {
    return this.#shapes.has(name);
  }

  /** Returns the first of names that is there. @throws {DataError} when there is none */
  oneOf(names: readonly string[]): string {
    return names.find((name) => this.has(name)) ?? this.#refuse();
  }

  /** Returns a shape. @throws {DataError} unless a tensor has so many axes, and elements */
  of(name: string, axes: number): readonly number[] {
    const shape = this.#shapes.get(name);
    if (shape?.length === axes && !shape.includes(0)) return shape;
    return this.#refuse(shape && `${name} ${formatShape(shape)}`);
  }

  /** Returns how many blocks there are, which names of the form `before.0.after` tell. */
  count(before: string, after: string): number {
    let count = 0;
    while (this.has(`${before}.${count}.${after}`)) count++;
    return count;
  }

  #refuse(got?: string): never {
    const shown = [...this.#shapes.keys()].slice(0, 3).map((name) => printable(name.slice(0, 80)));
    throw new DataError({
      where: this.#file,
      expected: this.#noun,
      got: got ?? (shown.length > 0 ? `tensors such as ${shown.join(', ')}` : 'no tensors'),
      fix: 'docs/feature-extractors.md lists the files that are read.',
    });
  }
}
