/**
 * The thread of a process that talks to the other processes of a run. It never computes and never
 * blocks, so that the others hear of this process whatever its other threads wait for.
 */
import { deserialize, serialize } from 'node:v8';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { ClusterError, joinCluster, type Cluster, type ClusterPlace, type JoinClusterOptions } from '@vitvq/cluster';
import { VitvqError, type ErrorFacts } from '@vitvq/core';
import type { WorkerFailure } from '../../backend/worker-protocol.js';
import type { Mesh } from '../../mesh.js';
import { answerLine, type BlockingEnd } from './blocking-port.js';
import type { DeviceAnswer, DeviceOperation } from './device-operation.js';
import { MessageReceiver, MessageSender, pieceBytes, piecesAtOnce } from './message-stream.js';
import { takeStoreQuestion, type StoreQuestion, type StoreValue } from './store-question.js';

/** What the thread is started with. */
export interface LinkData {
  readonly thread: 'link';
  readonly place: ClusterPlace;
  readonly options: JoinClusterOptions;
  /** Of the process 0; the others learn it from there. */
  readonly mesh: Mesh | undefined;
  /** Line of the thread that serves the store to the plug-in. */
  readonly store: BlockingEnd;
  /**
   * Line of the thread that owns the plug-in in process 0; a port in the others, whose thread takes
   * operations and posts answers.
   */
  readonly devices: BlockingEnd | MessagePort;
}

/** What the thread tells the main thread. */
export type LinkReport =
  | { readonly kind: 'joined'; readonly mesh: Mesh }
  /** The process could not join, has failed, or another process is lost. */
  | { readonly kind: 'failed'; readonly facts: ErrorFacts }
  | { readonly kind: 'left' };

/** What the main thread asks of the thread. */
export type LinkRequest =
  /** Leave the run when all others leave it. */
  | { readonly kind: 'leave' }
  /** Tell the others that this process fails. */
  | { readonly kind: 'fail'; readonly reason: string };

/** What the thread that owns the plug-in in process 0 sends: an operation for each rank, or all. */
export type Order = { readonly all: DeviceOperation } | { readonly each: readonly (DeviceOperation | undefined)[] };

/** What the thread that owns the plug-in in another process posts. */
export type DevicesReport = { readonly answer: DeviceAnswer } | { readonly failure: WorkerFailure };

const streamTo = (rank: number): string => `devices/to/${rank}`;
const streamFrom = (rank: number): string => `devices/from/${rank}`;
const meshKey = 'devices/mesh';

/** A store holds so many times its longest value (see `@vitvq/cluster`). */
const valuesInStore = 64;
const smallestMaximum = 16 * 2 ** 20;

/** Returns the longest value of a store that holds what is under way to all processes. */
export function longestValue(processes: number): number {
  const streams = 2 * processes;
  return Math.max(smallestMaximum, Math.ceil((streams * (piecesAtOnce + 1) * pieceBytes) / valuesInStore));
}

/** Another process, as process 0 sees it. */
class OtherProcess {
  readonly #sender: MessageSender;
  readonly #receiver: MessageReceiver;
  #waiting: DeviceOperation[] = [];
  #isSending = false;

  constructor(cluster: Cluster, rank: number) {
    this.#sender = new MessageSender(cluster, streamTo(rank));
    this.#receiver = new MessageReceiver(cluster, streamFrom(rank));
  }

  /** Sends an operation; those that come while others are sent go together. */
  order(operation: DeviceOperation): void {
    this.#waiting.push(operation);
    if (this.#isSending) return;
    this.#isSending = true;
    // A process that is lost ends the run from elsewhere.
    void this.#send().catch(() => undefined);
  }

  async answer(): Promise<DeviceAnswer> {
    return deserialize(await this.#receiver.receive()) as DeviceAnswer;
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      // What is asked for in this turn of the thread goes along.
      await new Promise(setImmediate);
      const operations = this.#waiting;
      this.#waiting = [];
      await this.#sender.send(serialize(operations));
    }
    this.#isSending = false;
  }
}

/** Passes on what the thread that owns the plug-in orders, in process 0. */
function conduct(cluster: Cluster, devices: BlockingEnd): void {
  const others = Array.from({ length: cluster.processes }, (_, rank) => rank)
    .slice(1)
    .map((rank) => ({ rank, process: new OtherProcess(cluster, rank) }));
  answerLine<Order, readonly DeviceAnswer[] | undefined>(devices, async (order) => {
    for (const { rank, process } of others) {
      const operation = 'all' in order ? order.all : order.each[rank];
      if (operation) process.order(operation);
    }
    const isQuestion = 'all' in order && (order.all.kind === 'download' || order.all.kind === 'end');
    return isQuestion ? Promise.all(others.map(({ process }) => process.answer())) : undefined;
  });
}

/** Passes on what process 0 orders, in another process, until the run is over. */
async function follow(cluster: Cluster, devices: MessagePort): Promise<void> {
  const sender = new MessageSender(cluster, streamFrom(cluster.rank));
  const receiver = new MessageReceiver(cluster, streamTo(cluster.rank));
  devices.on('message', (report: DevicesReport) => {
    if ('failure' in report) {
      const { expected = 'its devices to do their work', got, fix } = report.failure;
      fail(cluster, { expected, got, fix });
    } else void sender.send(serialize(report.answer)).catch(() => undefined);
  });
  for (;;) devices.postMessage(deserialize(await receiver.receive()));
}

function report(message: LinkReport): void {
  parentPort!.postMessage(message);
}

/** Ends the run because of this process. */
function fail(cluster: Cluster, { expected, got, fix }: Omit<ErrorFacts, 'where'>): void {
  // The main thread ends this one when it knows, so that the others are told before.
  void cluster
    .fail(`expected ${expected}, got ${got}`)
    .finally(() => report({ kind: 'failed', facts: { where: `process ${cluster.rank}`, expected, got, fix } }));
}

/** Returns what another thread can make an error of again. */
function factsOf(error: unknown): ErrorFacts {
  if (error instanceof VitvqError) {
    const { where, expected, got, fix } = error;
    return { where, expected, got, fix };
  }
  const got = error instanceof Error ? error.message : String(error);
  return { where: 'the thread that talks to the other processes', expected: 'no error', got };
}

/** Returns the mesh of process 0. */
async function sharedMesh(cluster: Cluster, mesh: Mesh | undefined): Promise<Mesh> {
  const own = mesh && Buffer.from(JSON.stringify(mesh));
  return JSON.parse(Buffer.from(await cluster.broadcast(meshKey, own)).toString()) as Mesh;
}

/** Joins the run and serves the other threads of the process until it is over. */
export async function runLinkThread({ place, options, mesh, store, devices }: LinkData): Promise<void> {
  let cluster: Cluster;
  try {
    const maximumValueBytes = longestValue(place.processes);
    cluster = await joinCluster(place, { maximumValueBytes, ...options });
  } catch (error) {
    report({ kind: 'failed', facts: factsOf(error) });
    return;
  }
  let isLeaving = false;
  void cluster.lost.then((error) => report({ kind: 'failed', facts: factsOf(error) }));
  parentPort!.on('message', (request: LinkRequest) => {
    if (request.kind === 'fail') fail(cluster, { expected: 'the program to go on', got: request.reason });
    else {
      isLeaving = true;
      void cluster.leave().then(
        () => report({ kind: 'left' }),
        (error: unknown) => report({ kind: 'failed', facts: factsOf(error) }),
      );
    }
  });
  answerLine<StoreQuestion, StoreValue>(store, (question) => takeStoreQuestion(cluster, question));
  try {
    report({ kind: 'joined', mesh: await sharedMesh(cluster, mesh) });
    if ('signal' in devices) conduct(cluster, devices);
    else await follow(cluster, devices);
  } catch (error) {
    // Whoever leaves waits for orders in vain, and of a loss the main thread is told above.
    if (!isLeaving && !(error instanceof ClusterError)) fail(cluster, factsOf(error));
  }
}
