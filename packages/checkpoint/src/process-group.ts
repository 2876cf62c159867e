/** The processes that write a checkpoint together; a `Cluster` of `@vitvq/cluster` is one. */
export interface ProcessGroup {
  /** Number of this process, from 0 on. */
  readonly rank: number;
  /** Number of processes. */
  readonly processes: number;
  /**
   * Waits until all processes have called this with the same name, and returns the values of all of
   * them, by rank.
   */
  gather(name: string, value: Uint8Array): Promise<readonly Uint8Array[]>;
}
