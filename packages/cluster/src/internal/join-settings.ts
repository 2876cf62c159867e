/** Options of `joinCluster` with their defaults. */
export interface JoinSettings {
  /** Empty for none. */
  readonly secret: string;
  readonly joinMilliseconds: number;
  readonly hangMilliseconds: number;
  readonly waitMilliseconds: number;
  readonly maximumValueBytes: number;
  readonly bindHost: string | undefined;
}
