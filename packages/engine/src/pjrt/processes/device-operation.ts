import type { TypedArray } from '../../ir/graph.js';
import type { PlacedType } from '../protocol.js';

/** A part of a tensor: where it lies along each axis, and its elements. */
export interface TensorPart {
  readonly index: readonly number[];
  readonly values: TypedArray;
}

/** A part that is sent to the process whose devices have it. */
export interface SentPart {
  readonly index: readonly number[];
  /** @default zeros */
  readonly values?: TypedArray | undefined;
}

/**
 * What process 0 has the devices of another process do. Buffers and executables are known by
 * numbers that process 0 gives.
 */
export type DeviceOperation =
  /** Copies the parts that the devices of the process have. */
  | {
      readonly kind: 'upload';
      readonly tensor: number;
      readonly type: PlacedType;
      readonly parts: readonly SentPart[];
    }
  | { readonly kind: 'free'; readonly tensor: number }
  /** Compiles a module, at the same time as all other processes. */
  | { readonly kind: 'load'; readonly executable: number; readonly text: string }
  | { readonly kind: 'unload'; readonly executable: number }
  | {
      readonly kind: 'execute';
      readonly executable: number;
      readonly inputs: readonly number[];
      readonly outputs: readonly number[];
      readonly kept: readonly number[];
    }
  /** Asks for the parts of a tensor that process 0 does not take from elsewhere. */
  | { readonly kind: 'download'; readonly tensor: number; readonly type: PlacedType }
  /** Frees everything; the answer comes when nothing runs any more. */
  | { readonly kind: 'end' };

/** Answer of a process to a question of process 0. */
export type DeviceAnswer = readonly TensorPart[];
