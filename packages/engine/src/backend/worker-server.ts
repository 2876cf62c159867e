import { parentPort } from 'node:worker_threads';
import type { TypedArray } from '../ir/graph.js';
import type { TensorType } from './backend.js';
import type { WorkerControl } from './worker-control.js';
import type {
  LoadRequest,
  ReplyMessage,
  RequestMessage,
  RunReply,
  RunRequest,
  WorkerFailure,
  WorkerRequest,
} from './worker-protocol.js';

/** Error of a worker that says more than what was found. */
export class WorkerError extends Error {
  constructor(readonly facts: WorkerFailure) {
    super(facts.expected === undefined ? facts.got : `expected ${facts.expected}, got ${facts.got}`);
  }
}

/** What a runtime does for each kind of request; whatever it throws is the answer. */
export interface WorkerHandlers<Load extends LoadRequest> {
  /** Keeps an array, which is the runtime's own from now on. */
  upload(slot: number, type: TensorType, data: TypedArray): void;
  copy(from: number, to: number): void;
  free(slot: number): void;
  /** Returns values in an array of their own. */
  read(slot: number): TypedArray | Promise<TypedArray>;
  load(request: Load): Promise<void> | void;
  unload(program: number): Promise<void> | void;
  /** Begins runs at once, and settles when they are over. */
  run(request: RunRequest): Promise<RunReply>;
  /** Whether requests are served while runs that were begun before are not over. */
  readonly overlapsRuns: boolean;
  /** Describes the runtime; a runtime that nobody asks has no description. */
  describe?(): unknown;
  /** Frees what does not end with the thread. */
  end?(): Promise<void>;
}

interface Answer {
  readonly value?: unknown;
  readonly transfer?: ArrayBuffer[];
}

const bufferOf = (values: TypedArray): ArrayBuffer => values.buffer as ArrayBuffer;

async function answer<Load extends LoadRequest>(
  handlers: WorkerHandlers<Load>,
  request: WorkerRequest<Load>,
): Promise<Answer> {
  switch (request.kind) {
    case 'upload':
      handlers.upload(request.slot, request.tensor, request.data);
      return {};
    case 'copy':
      handlers.copy(request.from, request.to);
      return {};
    case 'free':
      handlers.free(request.slot);
      return {};
    case 'read': {
      const value = await handlers.read(request.slot);
      return { value, transfer: [bufferOf(value)] };
    }
    case 'readInto': {
      const values = await handlers.read(request.slot);
      request.target.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      settle(request.control, 1);
      return {};
    }
    case 'load':
      await handlers.load(request);
      return {};
    case 'unload':
      await handlers.unload(request.program);
      return {};
    case 'run': {
      const value = await handlers.run(request);
      return { value, transfer: value.flat().flatMap((data) => (data ? [bufferOf(data)] : [])) };
    }
    case 'describe':
      return { value: await handlers.describe?.() };
    case 'end':
      await handlers.end?.();
      return {};
  }
}

/** Wakes a main thread that waits for values: 1 with them, 2 without. */
function settle(control: Int32Array<SharedArrayBuffer>, outcome: 1 | 2): void {
  Atomics.store(control, 0, outcome);
  Atomics.notify(control, 0);
}

function failureOf(error: unknown): WorkerFailure {
  if (error instanceof WorkerError) return error.facts;
  return { got: error instanceof Error ? error.message : String(error) };
}

/**
 * Serves the requests of the main thread one after the other, in the order of arrival: a read sees
 * the runs before it.
 */
export function serve<Load extends LoadRequest>(control: WorkerControl, handlers: WorkerHandlers<Load>): void {
  const port = parentPort!;
  // A main thread that waits for an answer does not see that this thread dies.
  process.once('exit', () => control.setEnded());
  let open = 0;
  const reply = async ({ id, request }: RequestMessage<Load>): Promise<void> => {
    // `busy` is set before `stop` is read: either the main thread sees `busy` or this thread sees
    // `stop`.
    control.setBusy(++open > 0);
    try {
      if (control.isStopping) return;
      const { value, transfer = [] } = await answer(handlers, request);
      port.postMessage({ id, value } satisfies ReplyMessage, transfer);
    } catch (error) {
      if (request.kind === 'readInto') settle(request.control, 2);
      port.postMessage({ id, failure: failureOf(error) } satisfies ReplyMessage);
    } finally {
      control.setBusy(--open > 0);
    }
  };
  let queue = Promise.resolve();
  port.on('message', (message: RequestMessage<Load>) => {
    queue = queue.then(() => {
      const replied = reply(message);
      return message.request.kind === 'run' && handlers.overlapsRuns ? undefined : replied;
    });
  });
}
