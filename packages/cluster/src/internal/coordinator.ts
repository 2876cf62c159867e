import { createServer, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { ClusterError, ProcessLostError, type LostProcess } from '../cluster-error.js';
import type { ClusterPlace } from '../cluster-place.js';
import { formatAddress } from './address.js';
import { Admission, RefusalError } from './admission.js';
import { encodeWelcome, handshakeFrameBytes, handshakeMilliseconds, type Hello } from './handshake.js';
import type { JoinSettings } from './join-settings.js';
import { Link } from './link.js';
import {
  encodeText,
  decodeText,
  frameBytes,
  isRequest,
  MessageKind,
  ProtocolError,
  type Message,
  type RequestKind,
} from './message.js';
import { encodeError, endedError, type LossListener, type Session } from './session.js';
import { ranksText, Store } from './store.js';

/** Connections of processes that are not admitted yet, beyond which more are refused. */
const strangers = 64;
/** Requests of one process that wait at the same time. */
const maximumRequests = 1_024;
const nothing = new Uint8Array(0);

/** A process that has joined. */
interface Member {
  readonly rank: number;
  readonly host: string;
  readonly link: Link;
  waiting: number;
}

/** Process 0: serves the store and watches over the other processes. */
export class Coordinator implements Session {
  readonly #place: ClusterPlace;
  readonly #settings: JoinSettings;
  readonly #lost: LossListener;
  readonly #store: Store;
  readonly #members = new Map<number, Member>();
  readonly #host = hostname();
  #server: Server | undefined;
  #state: 'joining' | 'running' | 'leaving' | 'ended' = 'joining';
  #allHere: (() => void) | undefined;
  #giveUp: ((error: ClusterError) => void) | undefined;

  private constructor(place: ClusterPlace, settings: JoinSettings, lost: LossListener) {
    this.#place = place;
    this.#settings = settings;
    this.#lost = lost;
    const { maximumValueBytes } = settings;
    this.#store = new Store({ processes: place.processes, maximumValueBytes });
  }

  /**
   * Listens where the coordinator is to be, and waits until all processes have joined.
   * @throws {ClusterError} when that address cannot be had, naming the processes that have not come
   *   in time, and when one of the others is lost meanwhile
   */
  static async open(place: ClusterPlace, settings: JoinSettings, lost: LossListener): Promise<Coordinator> {
    const coordinator = new Coordinator(place, settings, lost);
    if (place.processes > 1) {
      await coordinator.#listen();
      await coordinator.#waitForAll();
    }
    coordinator.#state = 'running';
    return coordinator;
  }

  async request(
    kind: RequestKind,
    key: string,
    value: Uint8Array,
    milliseconds: number,
  ): Promise<Uint8Array | undefined> {
    // Copies, because the caller may change the value, or the one that it gets.
    const found = await this.#serve(kind, 0, key, Uint8Array.from(value), milliseconds);
    return found && Uint8Array.from(found);
  }

  async fail(reason: string): Promise<void> {
    await this.#lose({ rank: 0, host: this.#host, reason });
  }

  async leave(milliseconds: number): Promise<void> {
    await this.#serve(MessageKind.leave, 0, '', nothing, milliseconds);
    // The others go first, so that none of them sees the end of its connection as a loss.
    const gone = Promise.all([...this.#members.values()].map(({ link }) => link.closed));
    const tooLong = new Promise((resolve) => setTimeout(resolve, 2_000).unref());
    await Promise.race([gone, tooLong]);
    await this.#end(endedError());
  }

  async #listen(): Promise<void> {
    const { coordinator } = this.#place;
    const { bindHost = coordinator.host } = this.#settings;
    const server = createServer((socket) => this.#connect(socket));
    server.maxConnections = this.#place.processes + strangers;
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const address = formatAddress({ ...coordinator, host: bindHost });
        reject(
          new ClusterError(
            {
              where: 'joinCluster',
              expected: `process 0 to listen on ${address}`,
              got: error.code ?? error.message,
              fix:
                error.code === 'EADDRINUSE'
                  ? 'Another program listens there: choose another port, or end what is left of an earlier run.'
                  : 'The coordinator must be an address of the host of process 0; bindHost names another one of it.',
            },
            { cause: error },
          ),
        );
      });
      server.listen({ host: bindHost, port: coordinator.port, exclusive: true }, resolve);
    });
    server.on('error', () => undefined); // A connection that could not be accepted; its process tries again.
  }

  async #waitForAll(): Promise<void> {
    const { joinMilliseconds } = this.#settings;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#allHere = resolve;
        this.#giveUp = reject;
        timer = setTimeout(() => void this.#stopWaiting(), joinMilliseconds);
        if (this.#members.size === this.#place.processes - 1) resolve();
      });
    } finally {
      clearTimeout(timer);
    }
    for (const { link } of this.#members.values()) link.send({ kind: MessageKind.start });
  }

  async #stopWaiting(): Promise<void> {
    const { processes } = this.#place;
    const missing = Array.from({ length: processes }, (_, rank) => rank).filter(
      (rank) => rank > 0 && !this.#members.has(rank),
    );
    const seconds = this.#settings.joinMilliseconds / 1000;
    const error = new ClusterError({
      where: 'joinCluster',
      expected: `${processes} processes within ${seconds} s`,
      got: `no ${ranksText(missing)}`,
      fix: 'Start all processes, with the same coordinator, number of processes and run; see that its port can be reached.',
    });
    this.#giveUp?.(error);
    const reason = `it waited ${seconds} s in vain for ${ranksText(missing)}`;
    await this.#tell({ rank: 0, host: this.#host, reason }, error);
  }

  #connect(socket: Socket): void {
    const admission = new Admission(this.#place.runId, this.#settings.secret);
    let member: Member | undefined;
    const timer = setTimeout(() => link.destroy('it did not say who it is'), handshakeMilliseconds);
    const link = new Link(socket, handshakeFrameBytes, {
      message: (message) => {
        if (member) {
          this.#receive(member, message);
          return;
        }
        const hello = this.#admitted(admission, message, link);
        if (!hello) return;
        clearTimeout(timer);
        member = { rank: hello.rank, host: hello.host, link, waiting: 0 };
        this.#admit(member);
      },
      ended: (reason) => {
        clearTimeout(timer);
        if (member) this.#ended(member, reason);
      },
    });
  }

  /** Returns who a process is, once it is admitted. Tells one that is not why, and closes. */
  #admitted(admission: Admission, message: Message, link: Link): Hello | undefined {
    try {
      const hello = admission.take(message, (answer) => link.send(answer));
      const refusal = hello && this.#refusalOf(hello);
      if (refusal !== undefined) throw new RefusalError(refusal);
      return hello;
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      link.send({ kind: MessageKind.refused, value: encodeText(error.message) });
      void link.close();
      return undefined;
    }
  }

  /** Says why a process that knows the secret is not taken. */
  #refusalOf({ rank, processes }: Hello): string | undefined {
    const { processes: expected } = this.#place;
    if (processes !== expected) return `it counts ${processes} processes, and process 0 counts ${expected}`;
    if (rank === 0 || rank >= expected) return `it says that it is process ${rank} of ${expected}`;
    const taken = this.#members.get(rank);
    if (taken) return `process ${rank} is there already, on host ${taken.host}`;
    return this.#state === 'joining' ? undefined : 'the run is over';
  }

  #admit(member: Member): void {
    const { hangMilliseconds, maximumValueBytes } = this.#settings;
    const { link, rank } = member;
    this.#members.set(rank, member);
    link.limit(frameBytes(maximumValueBytes));
    const value = encodeWelcome({ hangMilliseconds, maximumValueBytes, host: this.#host });
    link.send({ kind: MessageKind.welcome, value });
    link.watch(hangMilliseconds);
    if (this.#members.size === this.#place.processes - 1) this.#allHere?.();
  }

  #receive(member: Member, { kind, request, key, value, milliseconds }: Message): void {
    const { rank, host, link } = member;
    if (kind === MessageKind.failing) {
      void this.#lose({ rank, host, reason: decodeText(value) });
      return;
    }
    if (!isRequest(kind)) throw new ProtocolError(`a message of kind ${kind}, which only process 0 sends`);
    if (member.waiting >= maximumRequests) throw new ProtocolError(`more than ${maximumRequests} requests at once`);
    member.waiting++;
    void this.#serve(kind, rank, key, value, milliseconds)
      .then(
        (found) => link.send({ kind: found ? MessageKind.answer : MessageKind.absent, request, value: found }),
        (error: unknown) => {
          if (!(error instanceof ClusterError)) throw error;
          link.send({ kind: MessageKind.failed, request, value: encodeText(encodeError(error)) });
        },
      )
      .finally(() => member.waiting--);
  }

  async #serve(
    kind: RequestKind,
    rank: number,
    key: string,
    value: Uint8Array,
    milliseconds: number,
  ): Promise<Uint8Array | undefined> {
    switch (kind) {
      case MessageKind.put:
        this.#store.put(key, value);
        return nothing;
      case MessageKind.get:
        return this.#store.get(key, milliseconds);
      case MessageKind.tryGet:
        return this.#store.tryGet(key);
      case MessageKind.delete:
        return this.#store.delete(key) ? nothing : undefined;
      case MessageKind.gather:
        return this.#store.gather(key, rank, value, milliseconds);
      case MessageKind.leave:
        await this.#store.gather('leave', rank, nothing, milliseconds);
        if (this.#state === 'running') this.#state = 'leaving';
        return nothing;
    }
  }

  #ended({ rank, host }: Member, reason: string): void {
    if (this.#state === 'joining' || this.#state === 'running') void this.#lose({ rank, host, reason });
  }

  async #lose(lost: LostProcess): Promise<void> {
    if (this.#state === 'ended') return;
    const error = new ProcessLostError(lost, this.#place.processes);
    this.#giveUp?.(error);
    const told = this.#tell(lost, error);
    this.#lost(error);
    await told;
  }

  async #tell({ rank, host, reason }: LostProcess, error: ClusterError): Promise<void> {
    for (const { link } of this.#members.values()) {
      link.send({ kind: MessageKind.lost, request: rank, key: host, value: encodeText(reason) });
    }
    await this.#end(error);
  }

  async #end(error: ClusterError): Promise<void> {
    this.#state = 'ended';
    this.#server?.close();
    this.#store.end(error);
    await Promise.all([...this.#members.values()].map(({ link }) => link.close()));
  }
}
