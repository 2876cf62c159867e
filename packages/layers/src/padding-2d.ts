/**
 * Zeros around an image, in pixels: one number for every side, `[before, after]` for both axes
 * alike, or a number a side.
 */
export type Padding2D =
  | number
  | readonly [before: number, after: number]
  | readonly [left: number, right: number, top: number, bottom: number];
