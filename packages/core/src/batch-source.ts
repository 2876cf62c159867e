/** An endless stream of training batches, such as `createBatches` of @vitvq/data returns. */
export interface BatchSource<Batch> {
  /**
   * Identifies the data set, its order and its augmentation. A resumed run refuses another
   * fingerprint; undefined means unknown and is not compared.
   */
  readonly fingerprint?: string;
  /** Returns the next batch. */
  next(): Promise<Batch>;
  /** Frees what the source holds. */
  close(): void | Promise<void>;
}
