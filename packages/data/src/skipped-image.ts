/** An image that was left out, and why. */
export interface SkippedImage {
  /** Name of the image in its source; in a folder, its path below the folder, with `/`. */
  readonly name: string;
  /** Why the image cannot be used, such as `it is damaged or cut short`. */
  readonly reason: string;
}
