import { assertRgbImage, imageGrid, type RgbImage } from '@vitvq/core';
import { drawTexts, type PlacedText } from './draw-texts.js';
import { enlarge } from './enlarge.js';

/** Images in groups, and the texts beside them. */
export interface ComposeOptions {
  /** Images of one group stand side by side. */
  readonly groups: readonly (readonly RgbImage[])[];
  /** One text above each image of the groups in the first row. */
  readonly labels?: readonly string[] | undefined;
  /** One text below each group. */
  readonly captions?: readonly string[] | undefined;
  /** Number of groups in a row. */
  readonly columns: number;
  /** Height in pixels to which every image is enlarged. */
  readonly cellHeight: number;
}

const innerGap = 3;
const outerGap = 16;
const captionHeight = 22;
const labelHeight = 20;

/**
 * Draws groups of images into one image: close together within a group, with room between groups.
 */
export async function compose({ groups, labels, captions, columns, cellHeight }: ComposeOptions): Promise<RgbImage> {
  for (const image of groups.flat()) assertRgbImage(image, 'imageGrid');
  const strips = groups.map((images) =>
    imageGrid(
      images.map((image) => enlarge(image, cellHeight)),
      { columns: images.length, columnGap: innerGap },
    ),
  );
  const belowGroup = outerGap + (captions ? captionHeight : 0);
  const top = outerGap + (labels ? labelHeight : 0);
  const grid = imageGrid(strips, {
    columns,
    columnGap: outerGap,
    rowGap: belowGroup,
    margin: { top, right: outerGap, bottom: belowGroup, left: outerGap },
  });
  const groupWidth = Math.max(...strips.map(({ width }) => width));
  const texts = strips.flatMap((strip, index): PlacedText[] => {
    const x = outerGap + (index % columns) * (groupWidth + outerGap);
    const y = top + Math.floor(index / columns) * (cellHeight + belowGroup);
    const step = (strip.width + innerGap) / groups[index]!.length;
    const above = index < columns ? (labels ?? []).map((text, place) => ({ text, x: x + place * step, y: y - 8 })) : [];
    return [...above, { text: captions?.[index] ?? '', x, y: y + cellHeight + 16 }];
  });
  return drawTexts(
    grid,
    texts.filter(({ text }) => text !== ''),
  );
}
