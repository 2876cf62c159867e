/**
 * The thread of a process that talks to the other processes of a run. It never computes and never
 * blocks, so that the others hear of this process whatever its other threads wait for.
 */
import { deserialize, serialize } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import {
  joinCluster,
  ProcessLostError,
  type Cluster,
  type ClusterPlace,
  type JoinClusterOptions,
} from '@vitvq/cluster';
import { VitvqError, type ErrorFacts } from '@vitvq/core';
import type { WorkerFailure } from '../../backend/worker-protocol.js';
import type { Mesh } from '../../mesh.js';
import { answerLine, type BlockingEnd } from './blocking-port.js';
import type { DeviceAnswer, DeviceOperation } from './device-operation.js';
import { longestWait, MessageReceiver, MessageSender, piecesAtOnce } from './message-stream.js';
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
   * Line of the thread that owns the plug-in. That of process 0 asks; those of the others take
   * operations from the port and post answers.
   */
  readonly devices: BlockingEnd;
}

/** What the thread tells the main thread. */
export type LinkReport =
  | { readonly kind: 'joined'; readonly mesh: Mesh }
  /** The process could not join, has failed, or another process is lost. */
  | { readonly kind: 'failed'; readonly facts: ErrorFacts }
  /** Another process was asked to stop; told to process 0, which decides. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'left' };

/** What the main thread asks of the thread. */
export type LinkRequest =
  /** Leave the run when all others leave it. */
  | { readonly kind: 'leave' }
  /** Tell the others that this process fails. */
  | { readonly kind: 'fail'; readonly reason: string }
  /** Tell process 0 that this process was asked to stop. */
  | { readonly kind: 'stop' };

/** What the thread that owns the plug-in in process 0 sends: an operation for each rank, or all. */
export type Order =
  | { readonly all: DeviceOperation }
  | { readonly each: readonly (DeviceOperation | undefined)[] }
  /** The devices of process 0 have failed, so that the others wait for them in vain. */
  | { readonly failure: string };

/** What the thread that owns the plug-in in another process posts. */
export type DevicesReport = { readonly answer: DeviceAnswer } | { readonly failure: WorkerFailure };

const streamTo = (rank: number): string => `devices/to/${rank}`;
const streamFrom = (rank: number): string => `devices/from/${rank}`;
const meshKey = 'devices/mesh';
const stopKey = 'devices/stop';

/** A store holds so many times its longest value (see `@vitvq/cluster`). */
const valuesInStore = 64;
const [smallestMaximum, largestMaximum] = [16 * 2 ** 20, 2 ** 29];
const largestPiece = 4 * 2 ** 20;
/** What goes together to a process is about so long at most. */
const messageBytes = 32 * 2 ** 20;

/** Sizes of what goes through the store of a run. */
export interface StreamSizes {
  /** Longest value of the store. */
  readonly maximumValueBytes: number;
  /** Longest piece of a message. */
  readonly pieceBytes: number;
}

/** Returns sizes with which what is under way between so many processes fits into the store. */
export function streamSizes(processes: number): StreamSizes {
  const pieces = 2 * processes * (piecesAtOnce + 1);
  const wanted = Math.ceil((pieces * largestPiece) / valuesInStore);
  const maximumValueBytes = Math.min(Math.max(wanted, smallestMaximum), largestMaximum);
  const pieceBytes = Math.min(largestPiece, Math.floor((maximumValueBytes * valuesInStore) / pieces));
  return { maximumValueBytes, pieceBytes };
}

/** Returns about how many bytes an operation is long. */
function bytesOf(operation: DeviceOperation): number {
  if (operation.kind === 'load') return operation.text.length;
  if (operation.kind !== 'upload') return 0;
  return operation.parts.reduce((sum, { values }) => sum + (values?.byteLength ?? 0), 0);
}

/** Another process, as process 0 sees it. */
class OtherProcess {
  readonly #sender: MessageSender;
  readonly #receiver: MessageReceiver;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting: DeviceOperation[] = [];
  #isSending = false;

  /** @param onFailure  is told why an operation could not be sent */
  constructor(cluster: Cluster, rank: number, onFailure: (error: unknown) => void) {
    this.#sender = new MessageSender(cluster, streamTo(rank), streamSizes(cluster.processes).pieceBytes);
    this.#receiver = new MessageReceiver(cluster, streamFrom(rank));
    this.#onFailure = onFailure;
  }

  /** Sends an operation; those that come while others are sent go together. */
  order(operation: DeviceOperation): void {
    this.#waiting.push(operation);
    if (this.#isSending) return;
    this.#isSending = true;
    void this.#send().catch(this.#onFailure);
  }

  async answer(): Promise<DeviceAnswer> {
    return deserialize(await this.#receiver.receive()) as DeviceAnswer;
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      // What is asked for in this turn of the thread goes along; signs of life go in between.
      await new Promise(setImmediate);
      await this.#sender.send(serialize(this.#nextOperations()));
    }
    this.#isSending = false;
  }

  /** Takes the operations of one message. */
  #nextOperations(): DeviceOperation[] {
    let [count, bytes] = [0, 0];
    while (count < this.#waiting.length && (count === 0 || bytes < messageBytes))
      bytes += bytesOf(this.#waiting[count++]!);
    return this.#waiting.splice(0, count);
  }
}

/** Passes on what the thread that owns the plug-in orders, in process 0. */
function conduct(cluster: Cluster, devices: BlockingEnd): void {
  const others = Array.from({ length: cluster.processes }, (_, rank) => rank)
    .slice(1)
    .map((rank) => ({ rank, process: new OtherProcess(cluster, rank, (error) => failBy(cluster, error)) }));
  answerLine<Order, readonly DeviceAnswer[] | undefined>(devices, async (order) => {
    if ('failure' in order) {
      fail(cluster, { expected: 'its devices to do their work', got: order.failure });
      return undefined;
    }
    for (const { rank, process } of others) {
      const operation = 'all' in order ? order.all : order.each[rank];
      if (operation) process.order(operation);
    }
    const isQuestion = 'all' in order && (order.all.kind === 'download' || order.all.kind === 'end');
    return isQuestion ? Promise.all(others.map(({ process }) => process.answer())) : undefined;
  });
}

/** Passes on what process 0 orders, in another process, until the run is over. */
async function follow(cluster: Cluster, { port }: BlockingEnd): Promise<void> {
  const sender = new MessageSender(cluster, streamFrom(cluster.rank), streamSizes(cluster.processes).pieceBytes);
  const receiver = new MessageReceiver(cluster, streamTo(cluster.rank));
  const answer = async (value: DeviceAnswer): Promise<void> => sender.send(serialize(value));
  port.on('message', (report: DevicesReport) => {
    if ('failure' in report) {
      const { expected = 'its devices to do their work', got, fix } = report.failure;
      fail(cluster, { expected, got, fix });
    } else answer(report.answer).catch((error: unknown) => failBy(cluster, error));
  });
  for (;;) port.postMessage(deserialize(await receiver.receive()));
}

function report(message: LinkReport): void {
  parentPort!.postMessage(message);
}

/** Whether the run is over for this process: what fails later is a consequence. */
let isOver = false;

/** Ends the run because of this process. */
function fail(cluster: Cluster, { expected, got, fix }: Omit<ErrorFacts, 'where'>): void {
  if (isOver) return;
  isOver = true;
  // The main thread ends this one when it knows, so that the others are told before.
  void cluster
    .fail(`expected ${expected}, got ${got}`)
    .finally(() => report({ kind: 'failed', facts: { where: `process ${cluster.rank}`, expected, got, fix } }));
}

/** Ends the run because of an error, unless it is that of a run that has ended. */
function failBy(cluster: Cluster, error: unknown): void {
  if (!(error instanceof ProcessLostError)) fail(cluster, factsOf(error));
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
    const { maximumValueBytes } = streamSizes(place.processes);
    cluster = await joinCluster(place, { maximumValueBytes, ...options });
  } catch (error) {
    report({ kind: 'failed', facts: factsOf(error) });
    return;
  }
  void cluster.lost.then((error) => {
    isOver = true;
    report({ kind: 'failed', facts: factsOf(error) });
  });
  parentPort!.on('message', (request: LinkRequest) => {
    if (request.kind === 'fail') fail(cluster, { expected: 'the program to go on', got: request.reason });
    else if (request.kind === 'stop') {
      cluster.put(stopKey, new Uint8Array(1)).catch((error: unknown) => failBy(cluster, error));
    } else {
      isOver = true;
      void cluster.leave().then(
        () => report({ kind: 'left' }),
        (error: unknown) => report({ kind: 'failed', facts: factsOf(error) }),
      );
    }
  });
  answerLine<StoreQuestion, StoreValue>(store, (question) => takeStoreQuestion(cluster, question));
  try {
    report({ kind: 'joined', mesh: await sharedMesh(cluster, mesh) });
    if (place.rank > 0) await follow(cluster, devices);
    else {
      conduct(cluster, devices);
      await cluster.get(stopKey, longestWait);
      report({ kind: 'stop' });
    }
  } catch (error) {
    failBy(cluster, error);
  }
}
