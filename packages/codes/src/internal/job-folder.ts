import { join } from 'node:path';

/** Names of the files of a folder that many workers fill, beside the shards themselves. */
export interface JobFolder {
  readonly directory: string;
  /** What is to be made of what. */
  readonly plan: string;
  /** Who makes which shard at present. */
  readonly claims: string;
  /** Shards that are being written. */
  readonly staging: string;
  /** A record of each shard that is done. */
  readonly finished: string;
  /** Checksums of all shards, as `sha256sum -c` reads them; there when all of them are done. */
  readonly checksums: string;
}

/** Returns the names of the files of a folder that many workers fill. */
export function jobFolder(directory: string): JobFolder {
  const at = (name: string): string => join(directory, name);
  return {
    directory,
    plan: at('plan.json'),
    claims: at('claims'),
    staging: at('staging'),
    finished: at('finished'),
    checksums: at('SHA256SUMS'),
  };
}
