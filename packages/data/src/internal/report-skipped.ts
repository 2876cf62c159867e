import { printable } from '@vitvq/core';
import { byCodeUnits } from './list-images.js';
import type { SkippedImage } from '../skipped-image.js';

/**
 * Tells of images that are left out: calls `onSkip` for each, or else emits one process warning
 * with their number.
 */
export function reportSkipped(
  root: string,
  skipped: readonly SkippedImage[],
  onSkip: ((image: SkippedImage) => void) | undefined,
): void {
  if (onSkip) {
    skipped.forEach((image) => onSkip(image));
  } else if (skipped.length) {
    const text = printable(`${root}: ${countOf(skipped)} left out: ${listOf(skipped)}`);
    process.emitWarning(text, 'VitvqDataWarning');
  }
}

/** Returns `1 image` or `7 images`. */
export function countOf({ length }: { readonly length: number }): string {
  return length === 1 ? '1 image' : `${length} images`;
}

/** Returns the first few images with their reasons. */
export function listOf(skipped: readonly SkippedImage[]): string {
  const shown = skipped.slice(0, 5).map(({ name, reason }) => `${name} (${reason})`);
  return shown.join(', ') + (skipped.length > shown.length ? ` and ${skipped.length - shown.length} more` : '');
}

/** Returns counted names, such as `2 .heic, 1 .txt`. */
export function countsOf(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([a], [b]) => byCodeUnits(a, b))
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}
