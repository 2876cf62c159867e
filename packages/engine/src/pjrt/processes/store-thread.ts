/**
 * The thread that serves the store of a run to a plug-in. XLA calls back from threads of its own
 * and waits for the answer, so that these calls block a thread that has nothing else to do. koffi
 * runs a callback on the thread that has registered it.
 */
import koffi from 'koffi';
import { parentPort } from 'node:worker_threads';
import { storeCallbacks } from '../api-table.js';
import { bytesAt, textAt, wordBytes, wordsAt } from '../pjrt-api.js';
import { AskingEnd, type BlockingEnd } from './blocking-port.js';
import type { ErrorCode, StoreQuestion, StoreValue } from './store-question.js';

/** What the thread is started with. */
export interface StoreData {
  readonly thread: 'store';
  /** Line to the thread that talks to the other processes. */
  readonly link: BlockingEnd;
}

/** Addresses of the callbacks that `PJRT_Client_Create` takes. */
export interface StoreCallbacks {
  readonly get: bigint;
  readonly put: bigint;
  readonly tryGet: bigint;
}

const callbackType = koffi.proto('void *PjrtStoreCallback(void *arguments)');
const deleterType = koffi.proto('void PjrtValueDeleter(void *value)');
const errorType = koffi.proto('void *PjrtCallbackError(int code, const char *message, size_t size)');

const headerWords = 2;

/** Values that the plug-in reads, until it says that it is done. */
const values = new Map<bigint, Uint8Array>();

const addressOf = (pointer: unknown): bigint => BigInt(koffi.address(pointer));

/** Registers the callbacks, and serves them until the thread is ended. */
export function runStoreThread({ link }: StoreData): void {
  const store = new AskingEnd<StoreQuestion, StoreValue>(link);
  const deleter = addressOf(
    koffi.register((value: unknown) => void values.delete(addressOf(value)), koffi.pointer(deleterType)),
  );

  /** Returns the address of a callback that asks the store what its argument says. */
  const register = <Kind extends StoreQuestion['kind']>(
    kind: Kind,
    questionOf: (argument: Readonly<Record<string, bigint>>) => StoreQuestion,
  ): bigint => {
    const names: readonly string[] = storeCallbacks[kind];
    const callback = (pointer: unknown): unknown => {
      const address = addressOf(pointer);
      const words = wordsAt(address, headerWords + names.length).slice(headerWords);
      const argument = Object.fromEntries(names.map((name, index) => [name, words[index]!]));
      const memory = new BigUint64Array(koffi.view(address, (headerWords + names.length) * wordBytes));
      // The plug-in copies the value and then calls the deleter.
      const give = (value: Uint8Array): void => {
        const kept = value.length > 0 ? Uint8Array.from(value) : new Uint8Array(1);
        values.set(addressOf(kept), kept);
        const words = { value: addressOf(kept), valueSize: BigInt(value.length), deleter };
        for (const [name, word] of Object.entries(words)) memory[headerWords + names.indexOf(name)] = word;
      };
      const answer = store.ask(questionOf(argument));
      if ('code' in answer) return makeError(argument['makeError']!, answer.code, answer.message);
      if (kind !== 'put') give(answer.value);
      return null;
    };
    return addressOf(koffi.register(callback, koffi.pointer(callbackType)));
  };

  const keyOf = ({ key, keySize }: Readonly<Record<string, bigint>>): string => textAt(key!, keySize!);
  const callbacks: StoreCallbacks = {
    get: register('get', (argument) => ({
      kind: 'get',
      key: keyOf(argument),
      milliseconds: Number(BigInt.asIntN(32, argument['milliseconds']!)),
    })),
    put: register('put', (argument) => ({
      kind: 'put',
      key: keyOf(argument),
      value: bytesAt(argument['value']!, Number(argument['valueSize'])),
    })),
    tryGet: register('tryGet', (argument) => ({ kind: 'tryGet', key: keyOf(argument) })),
  };
  // A listener keeps the thread alive.
  parentPort!.on('message', () => undefined);
  parentPort!.postMessage(callbacks);
}

/** Has the plug-in make an error. */
function makeError(pointer: bigint, code: ErrorCode, message: string): unknown {
  const [address] = wordsAt(pointer, 1);
  return koffi.call(address!, errorType, code, message, Buffer.byteLength(message));
}
