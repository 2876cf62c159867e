/**
 * The thread that owns the plug-in in a process other than 0. It has the devices of the process do
 * what process 0 orders, in that order, while process 0 has its own do the same.
 */
import { parentPort, type MessagePort } from 'node:worker_threads';
import { WorkerError } from '../../backend/worker-server.js';
import type { Mesh } from '../../mesh.js';
import type { Buffers } from '../devices.js';
import { PjrtApi } from '../pjrt-api.js';
import { PjrtClient, type ProcessPlace } from '../pjrt-client.js';
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
  /** Port of the thread that talks to the other processes. */
  readonly link: MessagePort;
}

/** Message to the main thread when process 0 needs the devices no more. */
export type DevicesEnded = 'ended';

/** The devices of a process and what process 0 has put on them. */
class ServedDevices {
  readonly #client: PjrtClient;
  readonly #onFailure: (error: unknown) => void;
  readonly #tensors = new Map<number, Buffers>();
  readonly #executables = new Map<number, bigint>();
  /** Settles when all runs that were begun are over. */
  #runsAreOver = Promise.resolve();

  /** @param onFailure  is told why a run that was begun has failed */
  constructor(client: PjrtClient, onFailure: (error: unknown) => void) {
    this.#client = client;
    this.#onFailure = onFailure;
  }

  /** Does what process 0 orders; returns the answer to a question. @throws what is wrong */
  async do(operation: DeviceOperation): Promise<DeviceAnswer | undefined> {
    switch (operation.kind) {
      case 'upload': {
        const { tensor, type, parts } = operation;
        const byIndex = new Map(parts.map(({ index, values }) => [index.join(), values]));
        this.#tensors.set(
          tensor,
          this.#client.uploadParts(type, (index) => byIndex.get(index.join())!),
        );
        return undefined;
      }
      case 'free':
        this.#client.free(this.#take(this.#tensors, operation.tensor));
        return undefined;
      case 'load':
        this.#executables.set(operation.executable, this.#client.load(operation.text));
        return undefined;
      case 'unload':
        await this.#runsAreOver;
        this.#client.unload(this.#take(this.#executables, operation.executable));
        return undefined;
      case 'execute':
        this.#execute(operation);
        return undefined;
      case 'download': {
        const parts = this.#client.beginParts(this.#tensors.get(operation.tensor)!, operation.type);
        for (const { event } of parts) await this.#client.whenOver(event);
        return parts.map(({ index, values }) => ({ index, values }));
      }
      case 'end':
        await this.#end();
        return [];
    }
  }

  #execute({ executable, inputs, outputs, kept }: DeviceOperation & { readonly kind: 'execute' }): void {
    const begun = this.#client.execute(
      this.#executables.get(executable)!,
      inputs.map((tensor) => this.#tensors.get(tensor)!),
      { outputCount: outputs.length, kept },
    );
    begun.outputs.forEach((buffers, index) => this.#tensors.set(outputs[index]!, buffers));
    this.#runsAreOver = this.#runsAreOver.then(async () => {
      for (const event of begun.events) {
        await this.#client.whenOver(event).catch(this.#onFailure);
      }
    });
  }

  async #end(): Promise<void> {
    await this.#runsAreOver;
    for (const buffers of this.#tensors.values()) this.#client.free(buffers);
    for (const executable of this.#executables.values()) this.#client.unload(executable);
    this.#client.destroy();
  }

  #take<Value>(all: Map<number, Value>, number: number): Value {
    const value = all.get(number)!;
    all.delete(number);
    return value;
  }
}

/** Starts the runtime, at the same time as all other processes, and serves its devices. */
export function runDevicesThread({ plugin, isCpu, mesh, place, link }: DevicesData): void {
  let hasFailed = false;
  const fail = (error: unknown): void => {
    if (hasFailed) return; // what comes later is a consequence
    hasFailed = true;
    report({ failure: error instanceof WorkerError ? error.facts : { got: String(error) } });
  };
  const report = (message: DevicesReport): void => link.postMessage(message);
  let devices: ServedDevices | undefined;
  try {
    devices = new ServedDevices(new PjrtClient(new PjrtApi(plugin), { mesh, isCpu, place }), fail);
  } catch (error) {
    fail(error);
  }
  let done = Promise.resolve();
  const serve = async (operations: readonly DeviceOperation[]): Promise<void> => {
    for (const operation of operations) {
      if (hasFailed || !devices) return;
      try {
        const answer = await devices.do(operation);
        if (answer) report({ answer });
        if (operation.kind === 'end') parentPort!.postMessage('ended' satisfies DevicesEnded);
      } catch (error) {
        fail(error);
      }
    }
  };
  link.on('message', (operations: readonly DeviceOperation[]) => {
    done = done.then(() => serve(operations));
  });
}
