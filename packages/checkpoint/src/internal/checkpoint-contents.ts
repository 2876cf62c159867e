import type { SafetensorsFile } from '../safetensors-file.js';
import type { WritableEntry } from '../safetensors-header.js';
import type { WritableTensors } from '../tensor-source.js';

/** A checkpoint that is to be written, checked and laid out. */
export interface CheckpointContents {
  readonly step: number;
  /** State as JSON. */
  readonly state: string;
  readonly tensors: WritableTensors;
  readonly entries: readonly WritableEntry[];
}

/** A checkpoint whose checksums are right. */
export interface VerifiedFile {
  readonly step: number;
  /** State as JSON. */
  readonly state: string;
  readonly opened: SafetensorsFile;
}

/**
 * Part of a checkpoint that is verified: `all` bytes, or only step and `state`, which takes no time
 * with any number of tensors.
 */
export type Verification = 'all' | 'state';
