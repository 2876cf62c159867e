/** Training data; `createBatches` of @vitvq/data makes one of images. It must not end before the training does. */
export interface BatchSource<Batch> {
  /**
   * Tells one data set, its order and its augmentation from others; a resumed run compares it. Undefined: unknown.
   */
  readonly fingerprint?: string;
  next(): Promise<Batch>;
  close(): void | Promise<void>;
}
