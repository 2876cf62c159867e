/** Indices of the shared memory. */
const BUSY = 0;
const STOP = 1;
const ENDED = 2;

/** A process that ends waits no longer for its worker. */
const IDLE_MILLISECONDS = 60_000;
/** The main thread looks so often whether the worker that it waits for is still there. */
const LOOK_MILLISECONDS = 50;

/** Memory of a {@link WorkerControl}. */
export type ControlMemory = Int32Array<SharedArrayBuffer>;

/**
 * What the main thread and its worker tell each other without messages: whether the worker is in
 * the runtime, whether the process is about to end, and whether the worker is gone.
 */
export class WorkerControl {
  /** Given to the other thread, which makes a control of it. */
  readonly memory: ControlMemory;

  constructor(memory: ControlMemory = new Int32Array(new SharedArrayBuffer(12))) {
    this.memory = memory;
  }

  /** In the worker: whether the process is about to end. */
  get isStopping(): boolean {
    return Atomics.load(this.memory, STOP) === 1;
  }

  /** In the worker: says that work begins, or is done. */
  setBusy(isBusy: boolean): void {
    Atomics.store(this.memory, BUSY, isBusy ? 1 : 0);
    Atomics.notify(this.memory, BUSY);
  }

  /** In either thread: says that the worker is gone, whatever it was busy with. */
  setEnded(): void {
    Atomics.store(this.memory, ENDED, 1);
    this.setBusy(false);
  }

  /**
   * In the main thread: asks the worker to stop, and blocks until it is idle or gone.
   * @returns whether it is, after so much time at most
   */
  stop(milliseconds = IDLE_MILLISECONDS): boolean {
    Atomics.store(this.memory, STOP, 1);
    return Atomics.wait(this.memory, BUSY, 1, milliseconds) !== 'timed-out';
  }

  /** In the main thread: does the same without blocking it. */
  async whenStopped(milliseconds: number): Promise<boolean> {
    Atomics.store(this.memory, STOP, 1);
    const end = performance.now() + milliseconds;
    while (Atomics.load(this.memory, BUSY) === 1) {
      if (performance.now() > end) return false;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
    }
    return true;
  }

  /**
   * In the main thread: blocks until the worker has changed a zero.
   * @returns the new value, or 0 when the time is over or the worker is gone
   */
  waitForAnswer(answer: ControlMemory, milliseconds: number): number {
    const end = performance.now() + milliseconds;
    while (Atomics.wait(answer, 0, 0, LOOK_MILLISECONDS) === 'timed-out') {
      if (Atomics.load(this.memory, ENDED) === 1 || performance.now() > end) break;
    }
    return Atomics.load(answer, 0);
  }
}
