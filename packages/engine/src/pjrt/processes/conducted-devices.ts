import type { TypedArray } from '../../ir/graph.js';
import type { BegunDownload, BegunExecution, Buffers, Devices, ExecuteOptions } from '../devices.js';
import type { PjrtClient } from '../pjrt-client.js';
import type { ConductorData, PlacedType } from '../protocol.js';
import { isAllZeros } from '../../backend/zeros.js';
import { AskingEnd } from './blocking-port.js';
import type { DeviceAnswer, DeviceOperation, SentPart } from './device-operation.js';
import type { Order } from './link-thread.js';

/**
 * The devices of all processes of a run, in process 0: what it has its own devices do, it has the
 * others do in the same order. Values that only others have are asked for, which blocks the thread.
 */
export class ConductedDevices implements Devices {
  readonly #own: PjrtClient;
  readonly #link: AskingEnd<Order, readonly DeviceAnswer[]>;
  readonly #processes: number;
  /** Numbers by which the other processes know tensors and executables. */
  readonly #tensors = new WeakMap<Buffers, number>();
  readonly #executables = new Map<bigint, number>();
  #nextTensor = 0;
  #nextExecutable = 0;

  constructor(own: PjrtClient, { place, link }: ConductorData) {
    this.#own = own;
    this.#link = new AskingEnd(link);
    this.#processes = place.processes;
  }

  upload(values: TypedArray, type: PlacedType): Buffers {
    const tensor = this.#nextTensor++;
    const isZeros = isAllZeros(values);
    const partsOf = (rank: number): readonly SentPart[] => {
      const parts = this.#own.partsOf(rank, values, type);
      return isZeros ? parts.map(({ index }) => ({ index })) : parts;
    };
    const ranks = Array.from({ length: this.#processes }, (_, rank) => rank);
    const each = ranks.map((rank): DeviceOperation | undefined =>
      rank === 0 ? undefined : { kind: 'upload', tensor, type, parts: partsOf(rank) },
    );
    this.#link.tell({ each });
    return this.#named(
      this.#orFail(() => this.#own.upload(values, type)),
      tensor,
    );
  }

  download(buffers: Buffers, type: PlacedType): BegunDownload {
    if (this.#own.givesAll(type)) return this.#own.download(buffers, type);
    const others = this.#link.ask({ all: { kind: 'download', tensor: this.#tensorOf(buffers), type } });
    const own = this.#own.beginParts(buffers, type);
    return {
      values: () => this.#own.join([...own, ...others.flat()], type),
      events: own.map(({ event }) => event),
    };
  }

  awaitEvent(event: bigint): void {
    this.#orFail(() => this.#own.awaitEvent(event));
  }

  async whenOver(event: bigint): Promise<void> {
    try {
      await this.#own.whenOver(event);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  free(buffers: Buffers): void {
    this.#tell({ kind: 'free', tensor: this.#tensorOf(buffers) });
    this.#own.free(buffers);
  }

  load(text: string): bigint {
    const number = this.#nextExecutable++;
    this.#tell({ kind: 'load', executable: number, text });
    const executable = this.#orFail(() => this.#own.load(text));
    this.#executables.set(executable, number);
    return executable;
  }

  unload(executable: bigint): void {
    this.#tell({ kind: 'unload', executable: this.#numberOf(executable) });
    this.#executables.delete(executable);
    this.#own.unload(executable);
  }

  execute(executable: bigint, inputs: readonly Buffers[], options: ExecuteOptions): BegunExecution {
    const outputs = Array.from({ length: options.outputCount }, () => this.#nextTensor++);
    this.#tell({
      kind: 'execute',
      executable: this.#numberOf(executable),
      inputs: inputs.map((buffers) => this.#tensorOf(buffers)),
      outputs,
      kept: options.kept,
    });
    const begun = this.#orFail(() => this.#own.execute(executable, inputs, options));
    begun.outputs.forEach((buffers, index) => this.#named(buffers, outputs[index]!));
    return begun;
  }

  destroy(): void {
    this.#link.ask({ all: { kind: 'end' } });
    this.#own.destroy();
  }

  #tell(operation: DeviceOperation): void {
    this.#link.tell({ all: operation });
  }

  /** Does a part of what all do; where it fails here, the others wait for it in vain. */
  #orFail<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #fail(error: unknown): void {
    this.#link.tell({ failure: error instanceof Error ? error.message : String(error) });
  }

  #named(buffers: Buffers, tensor: number): Buffers {
    this.#tensors.set(buffers, tensor);
    return buffers;
  }

  #tensorOf(buffers: Buffers): number {
    return this.#tensors.get(buffers)!;
  }

  #numberOf(executable: bigint): number {
    return this.#executables.get(executable)!;
  }
}
