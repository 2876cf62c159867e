import { parentPort } from 'node:worker_threads';
import { sizeOf, typedArray, type TypedArray } from '../ir/graph.js';
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
export interface WorkerHandlers<Load extends LoadRequest, Program> {
  /** Keeps an array, which is the runtime's own from now on. */
  upload(slot: number, type: TensorType, data: TypedArray): void;
  copy(from: number, to: number): void;
  /** Frees a slot, if it holds a tensor. */
  free(slot: number): void;
  /** Returns values in an array of their own. */
  read(slot: number): TypedArray | Promise<TypedArray>;
  /** Loads a program, which is kept until it is unloaded. */
  load(request: Load): Promise<Program> | Program;
  /** Frees a program that runs no more. */
  unload(program: Program): Promise<void> | void;
  /** Begins runs at once, and settles when they are over. */
  run(program: Program, request: RunRequest): Promise<RunReply>;
  /** Whether requests are served while runs that were begun before are not over. */
  readonly overlapsRuns: boolean;
  /** Describes the runtime; a runtime that nobody asks has no description. */
  describe?(): unknown;
  /** Frees what does not end with the thread; all programs have been unloaded. */
  end(): Promise<void>;
}

/** The programs of a runtime by their numbers. */
class Programs<Load extends LoadRequest, Program> {
  readonly #handlers: WorkerHandlers<Load, Program>;
  readonly #loaded = new Map<number, Program>();
  /**
   * Reasons why programs could not be loaded, for runs that were requested before that was known.
   */
  readonly #failures = new Map<number, string>();

  constructor(handlers: WorkerHandlers<Load, Program>) {
    this.#handlers = handlers;
  }

  async load(request: Load): Promise<void> {
    try {
      this.#loaded.set(request.program, await this.#handlers.load(request));
    } catch (error) {
      const reason = `${request.definition.name} could not be loaded: ${messageOf(error)}`;
      this.#failures.set(request.program, reason);
      throw new Error(reason);
    }
  }

  async run(request: RunRequest): Promise<RunReply> {
    const program = this.#loaded.get(request.program);
    if (program === undefined) {
      throw new Error(this.#failures.get(request.program) ?? 'the program was disposed of');
    }
    try {
      return await this.#handlers.run(program, request);
    } catch (error) {
      for (const slot of request.results.flat()) this.#handlers.free(slot); // no request will read them
      throw error;
    }
  }

  async unload(id: number): Promise<void> {
    this.#failures.delete(id);
    const program = this.#loaded.get(id);
    this.#loaded.delete(id);
    if (program !== undefined) await this.#handlers.unload(program);
  }

  async unloadAll(): Promise<void> {
    for (const id of [...this.#loaded.keys()]) await this.unload(id);
  }
}

interface Answer {
  readonly value?: unknown;
  readonly transfer?: ArrayBuffer[];
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const bufferOf = (values: TypedArray): ArrayBuffer => values.buffer as ArrayBuffer;

async function answer<Load extends LoadRequest, Program>(
  handlers: WorkerHandlers<Load, Program>,
  programs: Programs<Load, Program>,
  request: WorkerRequest<Load>,
): Promise<Answer> {
  switch (request.kind) {
    case 'upload': {
      const { slot, tensor, data = typedArray(tensor.dtype, sizeOf(tensor.shape)) } = request;
      handlers.upload(slot, tensor, data);
      return {};
    }
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
      await programs.load(request);
      return {};
    case 'unload':
      await programs.unload(request.program);
      return {};
    case 'run': {
      const value = await programs.run(request);
      return { value, transfer: value.flat().flatMap((data) => (data ? [bufferOf(data)] : [])) };
    }
    case 'describe':
      return { value: await handlers.describe?.() };
    case 'end':
      await programs.unloadAll();
      await handlers.end();
      return {};
  }
}

/** Wakes a main thread that waits for values: 1 with them, 2 without. */
function settle(control: Int32Array<SharedArrayBuffer>, outcome: 1 | 2): void {
  Atomics.store(control, 0, outcome);
  Atomics.notify(control, 0);
}

function failureOf(error: unknown): WorkerFailure {
  return error instanceof WorkerError ? error.facts : { got: messageOf(error) };
}

/**
 * Serves the requests of the main thread one after the other, in the order of arrival: a read sees
 * the runs before it.
 */
export function serve<Load extends LoadRequest, Program>(
  control: WorkerControl,
  handlers: WorkerHandlers<Load, Program>,
): void {
  const port = parentPort!;
  const programs = new Programs(handlers);
  // A main thread that waits for an answer does not see that this thread dies.
  process.once('exit', () => control.setEnded());
  let open = 0;
  const reply = async ({ id, request }: RequestMessage<Load>): Promise<void> => {
    // `busy` is set before `stop` is read: either the main thread sees `busy` or this thread sees
    // `stop`.
    control.setBusy(++open > 0);
    try {
      if (control.isStopping) return;
      const { value, transfer = [] } = await answer(handlers, programs, request);
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
