import { printable } from '@vitvq/core';
import type { SkippedImage } from '@vitvq/data';

/** Collects unusable images. */
export interface SkipCollector {
  /** Each image once, however often it is read; grows. */
  readonly skipped: readonly SkippedImage[];
  readonly onSkip: (image: SkippedImage) => void;
}

/** Returns a collector that says each unusable image once. */
export function collectSkipped(log: (line: string) => void): SkipCollector {
  const skipped: SkippedImage[] = [];
  const names = new Set<string>();
  return {
    skipped,
    onSkip: (image) => {
      if (names.has(image.name)) return;
      names.add(image.name);
      skipped.push(image);
      log(printable(`left out ${image.name}: ${image.reason} (${skipped.length} so far)`));
    },
  };
}
