/**
 * Key-values of several processes in a folder, as callbacks for a PJRT plug-in. They run in a
 * thread of their own, since a plug-in calls them while the thread that called it waits.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import { bytesAt, textAt, wordBytes, words, wordsAt } from '../src/pjrt/pjrt-api.js';

type Operation = 'get' | 'put';

/** The callback that fails, from one of its calls on; the first is 1. */
export interface Failure {
  readonly operation: Operation;
  readonly call: number;
}

interface ServedFolder {
  readonly folder: string;
  readonly failure: Failure | undefined;
  /** Receives how many values were got and not freed. */
  readonly kept: Int32Array;
}

/** Addresses of the callbacks. */
export interface KeyValues extends Readonly<Record<Operation, bigint>> {
  /** Returns how many values the plug-in has got and not freed. */
  readonly keptValues: () => number;
}

/** Starts the thread. */
export async function startKeyValues(folder: string, failure?: Failure): Promise<KeyValues> {
  const served: ServedFolder = { folder, failure, kept: new Int32Array(new SharedArrayBuffer(4)) };
  // Node 20 cannot start a worker from a TypeScript file.
  const [tsx, file] = [import.meta.resolve('tsx/esm/api'), import.meta.url].map((url) => JSON.stringify(url));
  const program = `import(${tsx}).then(({ register }) => { register(); return import(${file}); })`;
  const worker = new Worker(program, { eval: true, workerData: served });
  const [get, put] = await new Promise<[bigint, bigint]>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  worker.unref();
  return { get, put, keptValues: () => served.kept[0]! };
}

const longestWait = 60_000;
const abseilUnavailable = 14;

/** Words of the callbacks' arguments, by their fields. */
const fields = {
  get: { key: 2, keySize: 3, makeError: 5, value: 7 },
  put: { key: 2, keySize: 3, value: 4, valueSize: 5, makeError: 6 },
} as const;

const callbackType = koffi.pointer(koffi.proto('void *KeyValueCallback(void *arguments)'));
const deleterType = koffi.pointer(koffi.proto('void KeyValueDeleter(void *value)'));
const makeErrorType = koffi.proto('void *MakeKeyValueError(int code, const char *message, size_t size)');

const sleep = (milliseconds: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

function serve({ folder, failure, kept }: ServedFolder): void {
  const values = new Map<bigint, Buffer>();
  const free = koffi.register((value: bigint) => {
    values.delete(value);
    kept[0] = values.size;
  }, deleterType);

  const act = {
    get(file: string, memory: bigint): void {
      for (let waited = 0; !existsSync(file); waited += 5) {
        if (waited > longestWait) throw new Error(`nobody has put ${file}`);
        sleep(5);
      }
      const value = readFileSync(file);
      const address = BigInt(koffi.address(value));
      values.set(address, value);
      kept[0] = values.size;
      const result = words([address, value.length, BigInt(koffi.address(free))]);
      new Uint8Array(koffi.view(memory + BigInt(fields.get.value * wordBytes), result.length)).set(result);
    },
    put(file: string, memory: bigint): void {
      if (existsSync(file)) throw new Error(`${file} was put twice`);
      const { value, valueSize } = fields.put;
      const all = wordsAt(memory, valueSize + 1);
      writeFileSync(`${file}.part`, bytesAt(all[value]!, Number(all[valueSize]!)));
      renameSync(`${file}.part`, file);
    },
  };

  const register = (operation: Operation): bigint => {
    const { key, keySize, makeError } = fields[operation];
    let calls = 0;
    const callback = (memory: bigint): unknown => {
      const all = wordsAt(memory, makeError + 1);
      try {
        calls++;
        if (failure?.operation === operation && calls >= failure.call) throw new Error(`no ${operation} today`);
        act[operation](join(folder, encodeURIComponent(textAt(all[key]!, all[keySize]!))), memory);
        return null;
      } catch (error) {
        const message = Buffer.from((error as Error).message);
        const [make] = wordsAt(all[makeError]!, 1) as [bigint];
        return koffi.call(make, makeErrorType, abseilUnavailable, message, message.length);
      }
    };
    return BigInt(koffi.address(koffi.register(callback, callbackType)));
  };
  const callbacks = [register('get'), register('put')];
  // The thread stays, which calls from other threads would not make it do.
  parentPort!.on('message', () => {});
  parentPort!.postMessage(callbacks);
}

if (!isMainThread && parentPort) serve(workerData as ServedFolder);
