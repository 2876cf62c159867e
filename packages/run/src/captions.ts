import { ConfigError, printable } from '@vitvq/core';
import type { Caption, ImageDataset } from '@vitvq/data';

/** Returns the captions of a source. @throws {ConfigError} where it has none */
export function captionsOf({ name, captions }: Pick<ImageDataset, 'name' | 'captions'>): readonly Caption[] {
  if (captions !== undefined) return captions;
  throw new ConfigError({
    where: printable(name),
    expected: 'images with captions, for a transformer of texts',
    got: 'images without',
    fix: 'A folder has captions with { kind: folder, captions: true }: x.txt beside x.jpg.',
  });
}

/** Returns the first text that is said of an image. */
export function textOf(caption: Caption): string {
  return typeof caption === 'string' ? caption : caption[0]!;
}
