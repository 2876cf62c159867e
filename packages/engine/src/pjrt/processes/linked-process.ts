import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
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
}

/**
 * This process within a run of several, with the threads that serve it: one talks to the other
 * processes, one serves the store of the run to the plug-in.
 */
export class LinkedProcess {
  /** The mesh of process 0. */
  readonly mesh: Mesh;
  readonly place: ProcessPlace;
  /** The end of the thread that owns the plug-in: of a line in process 0, else of a channel. */
  readonly devices: BlockingEnd | MessagePort;
  /** Resolves with the reason when a process is lost, also this one. */
  readonly failed: Promise<EngineError>;
  readonly #link: Worker;
  readonly #store: Worker;

  private constructor(
    { mesh, place, devices, failed }: Pick<LinkedProcess, 'mesh' | 'place' | 'devices' | 'failed'>,
    [link, store]: readonly [Worker, Worker],
  ) {
    this.mesh = mesh;
    this.place = place;
    this.devices = devices;
    this.failed = failed;
    this.#link = link;
    this.#store = store;
  }

  /**
   * Joins the run; resolves when all processes are there.
   * @param mesh  in process 0, which tells the others
   * @throws {EngineError} when the process cannot join
   */
  static async join({ place, ...options }: ProcessesOptions, mesh: Mesh | undefined): Promise<LinkedProcess> {
    const store = openLine();
    const [own, others] = place.rank === 0 ? ends(openLine()) : channel();
    const data: LinkData = { thread: 'link', place, options, mesh, store: store.answering, devices: others };
    const link = start(data, [store.answering, others]);
    const reports = new Reports(link);
    const failed = reports.when('failed').then(({ facts }) => new EngineError(facts));
    const joined = await Promise.race([reports.when('joined'), failed]);
    if (joined instanceof EngineError) {
      await link.terminate();
      throw joined;
    }
    const storeData: StoreData = { thread: 'store', link: store.asking };
    const storeThread = start(storeData, [store.asking]);
    const callbacks = await new Promise<StoreCallbacks>((resolve) => storeThread.once('message', resolve));
    const { rank, processes } = place;
    return new LinkedProcess({ mesh: joined.mesh, place: { rank, processes, callbacks }, devices: own, failed }, [
      link,
      storeThread,
    ]);
  }

  /** Leaves the run when all others leave it, unless it has ended, and ends the threads. */
  async leave(): Promise<void> {
    const left = new Reports(this.#link).when('left');
    this.#request({ kind: 'leave' });
    await Promise.race([left, this.failed]);
    await this.end();
  }

  /** Ends the run: tells the others that this process fails, and why. */
  async fail(reason: string): Promise<void> {
    this.#request({ kind: 'fail', reason });
    await this.failed;
  }

  /** Ends the threads. The others lose this process unless it has left. */
  async end(): Promise<void> {
    await Promise.all([this.#link.terminate(), this.#store.terminate()]);
  }

  #request(request: LinkRequest): void {
    this.#link.postMessage(request);
  }
}

function ends({ asking, answering }: ReturnType<typeof openLine>): [BlockingEnd, BlockingEnd] {
  return [asking, answering];
}

function channel(): [MessagePort, MessagePort] {
  const { port1, port2 } = new MessageChannel();
  return [port1, port2];
}

/** Returns what must be given away with an end. */
const portOf = (end: BlockingEnd | MessagePort): MessagePort => ('signal' in end ? end.port : end);

/** Starts a thread, which does not keep the process alive. */
function start(workerData: LinkData | StoreData, given: readonly (BlockingEnd | MessagePort)[]): Worker {
  const transferList = given.map(portOf);
  return startWorker(processWorker, { workerData, transferList, name: `vitvq-${workerData.thread}` });
}

const threadFacts = { where: 'pjrt engine', expected: 'the thread that talks to the other processes to run' };

/** What the thread that talks to the other processes reports. */
class Reports {
  readonly #link: Worker;

  constructor(link: Worker) {
    this.#link = link;
  }

  /** Resolves with the first report of a kind from now on; a thread that dies reports a failure. */
  when<Kind extends LinkReport['kind']>(kind: Kind): Promise<LinkReport & { readonly kind: Kind }> {
    return new Promise((resolve) => {
      const take = (report: LinkReport): void => {
        if (report.kind === kind) resolve(report as LinkReport & { readonly kind: Kind });
      };
      this.#link.on('message', take);
      this.#link.on('error', ({ message: got }) => take({ kind: 'failed', facts: { ...threadFacts, got } }));
    });
  }
}
