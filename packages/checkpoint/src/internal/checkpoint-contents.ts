import type { SafetensorsFile } from '../safetensors-file.js';
import type { WritableTensors } from '../tensor-source.js';
import type { WritableEntry } from '../safetensors-header.js';

/** Content of a checkpoint to be written, validated and in order. */
export interface CheckpointContents {
  readonly step: number;
  /** JSON */
  readonly state: string;
  readonly tensors: WritableTensors;
  readonly entries: readonly WritableEntry[];
}

/** An open file whose checksums match. */
export interface VerifiedFile {
  readonly step: number;
  /** JSON */
  readonly state: string;
  readonly opened: SafetensorsFile;
}

/**
 * Extent of a verification: `all` covers every byte; `state` covers the step and the state only,
 * without reading the tensors.
 */
export type Verification = 'all' | 'state';
