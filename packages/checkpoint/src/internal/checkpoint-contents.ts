import type { SafetensorsFile } from '../safetensors-file.js';
import type { WritableTensors } from '../tensor-source.js';
import type { WritableEntry } from '../safetensors-header.js';

/** What is to be written, checked and put in order. */
export interface CheckpointContents {
  readonly step: number;
  /** JSON */
  readonly state: string;
  readonly tensors: WritableTensors;
  readonly entries: readonly WritableEntry[];
}

/** A file whose checksums have been found right. */
export interface VerifiedFile {
  readonly step: number;
  /** JSON */
  readonly state: string;
  readonly opened: SafetensorsFile;
}

/**
 * `all`: every byte. `state`: step and state only, which takes no time with any number of tensors.
 */
export type Verification = 'all' | 'state';
