import type { TypedArray } from '../ir/graph.js';
import type { PlacedType } from './protocol.js';

/** Values that are on their way from the devices. */
export interface BegunDownload {
  /** Returns the values; call it when the events are over. */
  readonly values: () => TypedArray;
  readonly events: readonly bigint[];
}

/** What a run is begun with. */
export interface ExecuteOptions {
  readonly outputCount: number;
  /** Places of arguments that are declared as donated and must stay all the same. */
  readonly kept: readonly number[];
}

/** A run that was begun. */
export interface BegunExecution {
  /** The outputs, which can be used at once. */
  readonly outputs: readonly Buffers[];
  /** Are over when the run is. */
  readonly events: readonly bigint[];
}

/** The buffers of a tensor on the devices that this process reaches, by their addresses. */
export type Buffers = readonly bigint[];

/** The devices of a mesh, of this process alone or of several. */
export interface Devices {
  /** Copies values to the devices; the array may be changed afterwards. */
  upload(values: TypedArray, type: PlacedType): Buffers;
  /** Begins to copy values from the devices; they are there when the events are over. */
  download(buffers: Buffers, type: PlacedType): BegunDownload;
  /** Blocks until an event is over, and frees it. */
  awaitEvent(event: bigint): void;
  /** Settles when an event is over, and frees it. */
  whenOver(event: bigint): Promise<void>;
  /** Frees the buffers of a tensor, or what is left of those that were donated. */
  free(buffers: Buffers): void;
  /** Loads a module, which takes seconds, or minutes for a large one, where it must be compiled. */
  load(text: string): bigint;
  /** Frees an executable. */
  unload(executable: bigint): void;
  /**
   * Begins a run.
   * @param inputs  the buffers of each argument
   */
  execute(executable: bigint, inputs: readonly Buffers[], options: ExecuteOptions): BegunExecution;
  /** Ends the runtime. All buffers and executables must be freed before. */
  destroy(): void;
}
