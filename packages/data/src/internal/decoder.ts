import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DataError } from '@vitvq/core';
import sharp from 'sharp';
import { decodeRows, type DecodeContext, type DecodedRows, type DecodeRow } from './decode-row.js';

/** Decodes and crops images, on this thread or on others. */
export interface Decoder {
  /** @throws {DataError} after `close`, and when a thread dies */
  run(rows: readonly DecodeRow[]): Promise<DecodedRows>;
  /** Keeps the process alive while work is unfinished, until `release`. */
  hold(): void;
  release(): void;
  /** Ends the threads. Unfinished work rejects. */
  close(): Promise<void>;
}

/** Creates a decoder with that many threads; with 0, it decodes on the calling thread. */
export function createDecoder(context: DecodeContext, workers: number): Decoder {
  return workers === 0 ? new LocalDecoder(context) : new WorkerDecoder(context, workers);
}

class LocalDecoder implements Decoder {
  readonly #context: DecodeContext;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(context: DecodeContext) {
    this.#context = context;
  }

  run(rows: readonly DecodeRow[]): Promise<DecodedRows> {
    const result = this.#last.then(() => {
      if (this.#closed) throw closedError();
      return decodeRows(this.#context, rows);
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  hold(): void {
    // Reading files keeps the process alive anyway.
  }

  release(): void {
    // Nothing was held.
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }
}

interface Job {
  readonly rows: readonly DecodeRow[];
  readonly resolve: (result: DecodedRows) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  job: Job | undefined;
}

// In every worker libvips would use one thread a core for each image; one thread is enough. The
// setting belongs to the process, so the last decoder that closes restores the old value.
let openDecoders = 0;
let previousConcurrency = 0;

class WorkerDecoder implements Decoder {
  readonly #threads: Thread[];
  readonly #waiting: Job[] = [];
  #holds = 0;
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;

  constructor(context: DecodeContext, workers: number) {
    if (openDecoders++ === 0) {
      previousConcurrency = sharp.concurrency();
      sharp.concurrency(1);
    }
    this.#threads = Array.from({ length: workers }, () => this.#start(context));
  }

  run(rows: readonly DecodeRow[]): Promise<DecodedRows> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ rows, resolve, reject });
      this.#dispatch();
    });
  }

  hold(): void {
    if (this.#holds++ === 0) for (const { worker } of this.#threads) worker.ref();
  }

  release(): void {
    if (--this.#holds === 0) for (const { worker } of this.#threads) worker.unref();
  }

  close(): Promise<void> {
    this.#closing ??= this.#end(closedError());
    return this.#closing;
  }

  #start(context: DecodeContext): Thread {
    const worker = startWorker({ workerData: context });
    const thread: Thread = { worker, job: undefined };
    worker.on('message', (result: DecodedRows) => {
      const job = thread.job;
      thread.job = undefined;
      job?.resolve(result);
      this.#dispatch();
    });
    worker.on('error', (error) => this.#fail(thread, error));
    worker.on('exit', (code) => this.#fail(thread, new Error(`the thread ended with code ${code}`)));
    worker.unref();
    return thread;
  }

  #dispatch(): void {
    for (const thread of this.#threads) {
      if (thread.job) continue;
      const job = this.#waiting.shift();
      if (!job) return;
      thread.job = job;
      const { rows, buffers } = copyForThread(job.rows);
      thread.worker.postMessage(rows, buffers);
    }
  }

  #fail({ job }: Thread, cause: Error): void {
    if (this.#failure) return;
    const names = job?.rows.map(({ names }) => names[0]!) ?? [];
    const where = names.length > 1 ? `decoding ${names[0]} to ${names.at(-1)}` : `decoding ${names[0] ?? 'images'}`;
    const facts = {
      where,
      expected: 'the decoding thread to live',
      got: cause.message,
      fix: 'Try workers: 0, which decodes on the calling thread.',
    };
    this.#closing ??= this.#end(new DataError(facts, { cause }));
  }

  async #end(error: Error): Promise<void> {
    this.#failure = error;
    if (--openDecoders === 0) sharp.concurrency(previousConcurrency);
    const unfinished = [...this.#threads.flatMap(({ job }) => job ?? []), ...this.#waiting.splice(0)];
    for (const { reject } of unfinished) reject(error);
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }
}

/**
 * Copies the bytes of rows, so that they can be given to another thread: sending a view would copy
 * the whole buffer that it looks into.
 */
function copyForThread(rows: readonly DecodeRow[]): { rows: DecodeRow[]; buffers: ArrayBuffer[] } {
  const buffers: ArrayBuffer[] = [];
  const copy = (bytes: Uint8Array): Uint8Array => {
    const copied = new Uint8Array(bytes);
    buffers.push(copied.buffer);
    return copied;
  };
  const copiedRows = rows.map((row) => ({
    ...row,
    images: row.images.map((image) => {
      if ('pixels' in image) return { ...image, pixels: copy(image.pixels) };
      return 'bytes' in image ? { bytes: copy(image.bytes) } : image;
    }),
  }));
  return { rows: copiedRows, buffers };
}

/** Returns the error of a batch whose stream was closed first. */
export function closedError(): DataError {
  return new DataError({ where: 'BatchStream', expected: 'an open stream', got: 'one that was closed' });
}

/**
 * Starts the built worker, or its source when this file runs from source. The worker does not
 * inherit the flags of the process.
 */
function startWorker(options: { readonly workerData: unknown; readonly name?: string }): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./decode-worker.js', import.meta.url), { ...options, execArgv: [] });
  }
  // Node 20 cannot start a worker from a TypeScript file, so a line of JavaScript loads tsx first.
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx'));
  const tsx = JSON.stringify(new URL('./esm/api/index.mjs', loader));
  const program = JSON.stringify(new URL('../decode-worker.ts', import.meta.url));
  const code = `import(${tsx}).then(({ register }) => { register(); return import(${program}); })`;
  return new Worker(code, { ...options, eval: true, execArgv: ['--conditions=@vitvq/source'] });
}
