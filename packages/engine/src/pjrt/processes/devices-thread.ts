/**
 * The thread that owns the plug-in in a process other than 0. It has the devices of the process do
 * what process 0 orders, in that order, while process 0 has its own do the same.
 */
import { parentPort } from 'node:worker_threads';
import { WorkerControl, type ControlMemory } from '../../backend/worker-control.js';
import { WorkerError } from '../../backend/worker-server.js';
import { typedArray, type TypedArray } from '../../ir/graph.js';
import type { Mesh } from '../../mesh.js';
import type { Buffers } from '../devices.js';
import { PjrtApi } from '../pjrt-api.js';
import { PjrtClient, type ProcessPlace } from '../pjrt-client.js';
import type { BlockingEnd } from './blocking-port.js';
import type { DeviceAnswer, DeviceOperation } from './device-operation.js';
import type { DevicesReport } from './link-thread.js';

/** What the thread is started with. */
export interface DevicesData {
  readonly thread: 'devices';
  /** File of the plug-in. */
  readonly plugin: string;
  readonly isCpu: boolean;
  readonly mesh: Mesh;
  readonly place: ProcessPlace;
  /** Line to the thread that talks to the other processes; here only its port is used. */
  readonly link: BlockingEnd;
  /** Of the `WorkerControl` that says whether the thread is in the runtime. */
  readonly control: ControlMemory;
}

/** Message to the main thread when process 0 needs the devices no more. */
export type DevicesEnded = 'ended';

/** The devices of a process and what process 0 has put on them. */
class ServedDevices {
  readonly #client: PjrtClient;
  readonly #onFailure: (error: unknown) => void;
  readonly #tensors = new Map<number, Buffers>();
  readonly #executables = new Map<number, bigint>();
  #runsAreOver = Promise.resolve();

  /** @param onFailure  is told why a run that was begun has failed */
  constructor(client: PjrtClient, onFailure: (error: unknown) => void) {
    this.#client = client;
    this.#onFailure = onFailure;
  }

  /** Settles when all runs that were begun are over. */
  get runsAreOver(): Promise<void> {
    return this.#runsAreOver;
  }

  /** Does what process 0 orders; returns the answer to a question. @throws what is wrong */
  async do(operation: DeviceOperation): Promise<DeviceAnswer | undefined> {
    switch (operation.kind) {
      case 'upload':
        this.#upload(operation);
        return undefined;
      case 'free':
        this.#client.free(taken(this.#tensors, operation.tensor, 'tensor'));
        return undefined;
      case 'load':
        this.#executables.set(operation.executable, this.#client.load(operation.text));
        return undefined;
      case 'unload':
        await this.#runsAreOver;
        this.#client.unload(taken(this.#executables, operation.executable, 'executable'));
        return undefined;
      case 'execute':
        this.#execute(operation);
        return undefined;
      case 'download': {
        const { tensor, type } = operation;
        const parts = this.#client.beginParts(found(this.#tensors, tensor, 'tensor'), type);
        for (const { event } of parts) await this.#client.whenOver(event);
        return parts.map(({ index, values }) => ({ index, values }));
      }
      case 'end':
        await this.#end();
        return [];
    }
  }

  #upload({ tensor, type, parts }: DeviceOperation & { readonly kind: 'upload' }): void {
    const byIndex = new Map(parts.map((part) => [part.index.join(), part] as const));
    const partAt = (index: readonly number[], size: number): TypedArray =>
      found(byIndex, index.join(), 'part').values ?? typedArray(type.dtype, size);
    this.#tensors.set(tensor, this.#client.uploadParts(type, partAt));
  }

  #execute({ executable, inputs, outputs, kept }: DeviceOperation & { readonly kind: 'execute' }): void {
    const begun = this.#client.execute(
      found(this.#executables, executable, 'executable'),
      inputs.map((tensor) => found(this.#tensors, tensor, 'tensor')),
      { outputCount: outputs.length, kept },
    );
    begun.outputs.forEach((buffers, index) => this.#tensors.set(outputs[index]!, buffers));
    this.#runsAreOver = this.#runsAreOver.then(async () => {
      for (const event of begun.events) await this.#client.whenOver(event).catch(this.#onFailure);
    });
  }

  async #end(): Promise<void> {
    await this.#runsAreOver;
    for (const buffers of this.#tensors.values()) this.#client.free(buffers);
    for (const executable of this.#executables.values()) this.#client.unload(executable);
    this.#client.destroy();
  }
}

/** Returns what process 0 has named. @throws {WorkerError} for what it has not */
function found<Key, Value>(all: ReadonlyMap<Key, Value>, key: Key, what: string): Value {
  const value = all.get(key);
  if (value !== undefined) return value;
  throw new WorkerError({
    expected: `a ${what} that process 0 has sent before`,
    got: `${String(key)}, which is none`,
    fix: 'Run the same version of vitvq, and of the plug-in, in all processes.',
  });
}

/** Returns the same and forgets it. */
function taken<Key, Value>(all: Map<Key, Value>, key: Key, what: string): Value {
  const value = found(all, key, what);
  all.delete(key);
  return value;
}

/** Starts the runtime, at the same time as all other processes, and serves its devices. */
export function runDevicesThread({ plugin, isCpu, mesh, place, link: { port }, control: memory }: DevicesData): void {
  const control = new WorkerControl(memory);
  let hasFailed = false;
  const report = (message: DevicesReport): void => port.postMessage(message);
  const fail = (error: unknown): void => {
    if (hasFailed) return; // what comes later is a consequence
    hasFailed = true;
    report({ failure: error instanceof WorkerError ? error.facts : { got: String(error) } });
  };
  let devices: ServedDevices | undefined;
  // A run is in the runtime until it is over, whatever this thread does meanwhile.
  let open = 0;
  const busy = (change: 1 | -1): void => control.setBusy((open += change) > 0);
  busy(1);
  try {
    devices = new ServedDevices(new PjrtClient(new PjrtApi(plugin), { mesh, isCpu, place }), fail);
  } catch (error) {
    fail(error);
  }
  busy(-1);
  let done = Promise.resolve();
  const serve = async (operations: readonly DeviceOperation[]): Promise<void> => {
    for (const operation of operations) {
      if (hasFailed || !devices || control.isStopping) return;
      busy(1);
      try {
        const answer = await devices.do(operation);
        if (answer) report({ answer });
        if (operation.kind === 'end') parentPort!.postMessage('ended' satisfies DevicesEnded);
      } catch (error) {
        fail(error);
      }
      if (operation.kind === 'execute') void devices.runsAreOver.then(() => busy(-1));
      else busy(-1);
    }
  };
  port.on('message', (operations: readonly DeviceOperation[]) => {
    done = done.then(() => serve(operations));
  });
}
