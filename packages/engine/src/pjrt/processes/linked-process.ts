import type { Worker } from 'node:worker_threads';
import type { ClusterPlace, JoinClusterOptions } from '@vitvq/cluster';
import { processWorker, startWorker } from '../../backend/worker-file.js';
import { EngineError } from '../../errors.js';
import type { Mesh } from '../../mesh.js';
import type { ProcessPlace } from '../pjrt-client.js';
import { openLine, type BlockingEnd } from './blocking-port.js';
import type { LinkData, LinkReport, LinkRequest } from './link-thread.js';
import type { StoreCallbacks, StoreData } from './store-thread.js';

/** How a process takes part in a run of several. */
export interface ProcessesOptions extends Omit<JoinClusterOptions, 'maximumValueBytes'> {
  /** What `readClusterPlace` of @vitvq/cluster returns. */
  readonly place: ClusterPlace;
  /** In process 0: called when another process was asked to stop, which is up to process 0. */
  readonly onStop?: () => void;
}

/** What a thread says that ends by itself. */
const endedThread = { where: 'pjrt engine', expected: 'the threads of a run of several processes to run' };

/**
 * This process within a run of several, with the threads that serve it: one talks to the other
 * processes, one serves the store of the run to the plug-in. They do not keep the process alive.
 */
export class LinkedProcess {
  /** The mesh of process 0. */
  readonly mesh: Mesh;
  readonly place: ProcessPlace;
  /** Line for the thread that owns the plug-in. */
  readonly devices: BlockingEnd;
  /** Resolves with the reason when a process is lost, also this one. */
  readonly failed: Promise<EngineError>;
  readonly #link: LinkThread;
  readonly #store: Worker;

  private constructor(link: LinkThread, store: Worker, facts: Pick<LinkedProcess, 'mesh' | 'place' | 'devices'>) {
    this.mesh = facts.mesh;
    this.place = facts.place;
    this.devices = facts.devices;
    this.failed = link.failed;
    this.#link = link;
    this.#store = store;
    for (const thread of [link.worker, store]) thread.unref();
  }

  /**
   * Joins the run; resolves when all processes are there.
   * @param mesh  in process 0, which tells the others
   * @throws {EngineError} when the process cannot join
   */
  static async join({ place, onStop, ...options }: ProcessesOptions, mesh: Mesh | undefined): Promise<LinkedProcess> {
    const [store, devices] = [openLine(), openLine()];
    const link = new LinkThread(
      start({ thread: 'link', place, options, mesh, store: store.answering, devices: devices.answering }, [
        store.answering,
        devices.answering,
      ]),
    );
    const joined = await Promise.race([link.next('joined'), link.failed]);
    if (joined instanceof EngineError) {
      await link.worker.terminate();
      throw joined;
    }
    void link.next('stop').then(() => onStop?.());
    const storeThread = start({ thread: 'store', link: store.asking }, [store.asking]);
    const callbacks = await new Promise<StoreCallbacks>((resolve, reject) => {
      storeThread.once('message', resolve).once('error', reject);
    });
    storeThread.on('error', ({ message }) => link.request({ kind: 'fail', reason: message }));
    const { rank, processes } = place;
    return new LinkedProcess(link, storeThread, {
      mesh: joined.mesh,
      place: { rank, processes, callbacks },
      devices: devices.asking,
    });
  }

  /**
   * Leaves the run when all others leave it, and ends the threads. The plug-in, which may call the
   * store, has ended before. Where the run has failed, the threads end with the process: a plug-in
   * that waits for a process that is gone needs them.
   */
  async leave(): Promise<void> {
    this.#link.worker.ref();
    this.#link.request({ kind: 'leave' });
    const failure = await Promise.race([this.#link.next('left'), this.failed]);
    this.#link.worker.unref();
    if (failure instanceof EngineError) return;
    await Promise.all([this.#link.worker.terminate(), this.#store.terminate()]);
  }

  /** Ends the run: tells the others that this process fails, and why. */
  async fail(reason: string): Promise<void> {
    this.#link.worker.ref();
    this.#link.request({ kind: 'fail', reason });
    await this.failed;
    this.#link.worker.unref();
  }

  /** In a process other than 0: has process 0 stop. */
  askToStop(): void {
    this.#link.request({ kind: 'stop' });
  }
}

/** Starts a thread. */
function start(workerData: LinkData | StoreData, given: readonly BlockingEnd[]): Worker {
  const transferList = given.map(({ port }) => port);
  return startWorker(processWorker, { workerData, transferList, name: `vitvq-${workerData.thread}` });
}

/** The thread that talks to the other processes, as the main thread sees it. */
class LinkThread {
  readonly worker: Worker;
  /** Resolves with the reason when this process cannot join or has failed, or one is lost. */
  readonly failed: Promise<EngineError>;

  constructor(worker: Worker) {
    this.worker = worker;
    this.failed = new Promise((resolve) => {
      void this.next('failed').then(({ facts }) => resolve(new EngineError(facts)));
      worker.once('error', ({ message: got }) => resolve(new EngineError({ ...endedThread, got })));
    });
  }

  /** Resolves with the first report of a kind from now on. */
  next<Kind extends LinkReport['kind']>(kind: Kind): Promise<LinkReport & { readonly kind: Kind }> {
    return new Promise((resolve) => {
      this.worker.on('message', (report: LinkReport) => {
        if (report.kind === kind) resolve(report as LinkReport & { readonly kind: Kind });
      });
    });
  }

  request(request: LinkRequest): void {
    this.worker.postMessage(request);
  }
}
