import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterError, ProcessLostError, type LostProcess } from '../cluster-error.js';
import type { ClusterPlace } from '../cluster-place.js';
import { formatAddress } from './address.js';
import {
  decodeWelcome,
  encodeHello,
  handshakeFrameBytes,
  handshakeMilliseconds,
  isSameProof,
  nonceBytes,
  proofOf,
} from './handshake.js';
import type { JoinSettings } from './join-settings.js';
import { Link } from './link.js';
import {
  decodeText,
  encodeText,
  frameBytes,
  MessageKind,
  ProtocolError,
  type Message,
  type RequestKind,
} from './message.js';
import { decodeError, endedError, type LossListener, type Session } from './session.js';

/** Pause between two attempts, at first and at last. */
const pauses = [100, 1_000] as const;

interface PendingRequest {
  resolve(value: Uint8Array | undefined): void;
  reject(error: ClusterError): void;
}

/** Why an attempt failed: another one may succeed where `isFinal` is not set. */
class AttemptError extends Error {
  readonly final: ClusterError | undefined;

  constructor(reason: string, final?: ClusterError) {
    super(reason);
    this.final = final;
  }
}

/** A process other than 0, which asks process 0 for everything. */
export class Member implements Session {
  readonly #place: ClusterPlace;
  readonly #settings: JoinSettings;
  readonly #lost: LossListener;
  readonly #pending = new Map<number, PendingRequest>();
  #link!: Link;
  #coordinatorHost = '';
  #requests = 0;
  #ended: ClusterError | undefined;
  /** Takes what comes until the run starts. */
  #joining: { message(message: Message): void; fail(error: AttemptError): void } | undefined;

  private constructor(place: ClusterPlace, settings: JoinSettings, lost: LossListener) {
    this.#place = place;
    this.#settings = settings;
    this.#lost = lost;
  }

  /**
   * Connects to process 0, which may start later, and waits until all processes are there.
   * @throws {ClusterError} after the time to join, and when process 0 refuses this one
   */
  static async open(place: ClusterPlace, settings: JoinSettings, lost: LossListener): Promise<Member> {
    const { joinMilliseconds } = settings;
    const end = performance.now() + joinMilliseconds;
    for (let pause: number = pauses[0]; ; pause = Math.min(2 * pause, pauses[1])) {
      const member = new Member(place, settings, lost);
      try {
        await member.#join(Math.max(1, end - performance.now()));
        return member;
      } catch (error) {
        if (!(error instanceof AttemptError)) throw error;
        if (error.final) throw error.final;
        if (performance.now() + pause >= end) throw notReached(place, joinMilliseconds, error.message);
      }
      await sleep(pause);
    }
  }

  request(kind: RequestKind, key: string, value: Uint8Array, milliseconds: number): Promise<Uint8Array | undefined> {
    if (this.#ended) return Promise.reject(this.#ended);
    const request = this.#requests++ >>> 0;
    return new Promise((resolve, reject) => {
      this.#pending.set(request, { resolve, reject });
      this.#link.send({ kind, request, key, value, milliseconds });
    });
  }

  async fail(reason: string): Promise<void> {
    if (this.#ended) return;
    this.#link.send({ kind: MessageKind.failing, value: encodeText(reason) });
    this.#end(endedError());
    await this.#link.close();
  }

  async leave(milliseconds: number): Promise<void> {
    await this.request(MessageKind.leave, '', new Uint8Array(0), milliseconds);
    this.#end(endedError());
    await this.#link.close();
  }

  /** Connects and waits for the start. @throws {AttemptError} */
  #join(milliseconds: number): Promise<void> {
    const { coordinator } = this.#place;
    return new Promise((resolve, reject) => {
      const nonce = randomBytes(nonceBytes);
      const socket = connect({ host: coordinator.host, port: coordinator.port });
      const timer = setTimeout(
        () => this.#link.destroy('it did not answer in time'),
        Math.min(milliseconds, handshakeMilliseconds),
      );
      const fail = (error: AttemptError): void => {
        clearTimeout(timer);
        this.#joining = undefined;
        this.#end(endedError());
        reject(error);
        this.#link.destroy('this process stopped joining');
      };
      this.#joining = {
        message: (message) => {
          if (message.kind === MessageKind.challenge) this.#prove(message.value, nonce);
          else if (message.kind === MessageKind.welcome) {
            // From here on process 0 says when the others have not come in time.
            clearTimeout(timer);
            this.#welcome(message.value);
          } else if (message.kind === MessageKind.start) {
            this.#joining = undefined;
            resolve();
          } else fail(this.#failureOf(message));
        },
        fail,
      };
      this.#link = new Link(socket, handshakeFrameBytes, {
        message: (message) => (this.#joining ? this.#joining.message(message) : this.#receive(message)),
        ended: (reason) => (this.#joining ? this.#joining.fail(new AttemptError(reason)) : this.#endedLink(reason)),
      });
      const { rank, processes, runId } = this.#place;
      const value = encodeHello({ rank, processes, nonce, host: hostname() });
      socket.once('connect', () => this.#link.send({ kind: MessageKind.hello, key: runId, value }));
    });
  }

  /** Returns why process 0 does not let this one join. @throws {ProtocolError} */
  #failureOf(message: Message): AttemptError {
    const { kind, value } = message;
    if (kind === MessageKind.refused) return new AttemptError('refused', refusedBy(this.#place, decodeText(value)));
    if (kind === MessageKind.lost) return new AttemptError('lost', this.#lostError(message));
    throw new ProtocolError(`a message of kind ${kind} before the start`);
  }

  #prove(challenge: Uint8Array, processNonce: Uint8Array): void {
    const { rank, processes, runId } = this.#place;
    const { secret } = this.#settings;
    const coordinatorNonce = challenge.subarray(0, nonceBytes);
    const facts = { runId, rank, processes, processNonce, coordinatorNonce };
    if (!isSameProof(proofOf(secret, 'coordinator', facts), challenge.subarray(nonceBytes))) {
      this.#joining?.fail(new AttemptError('secret', refusedBy(this.#place, 'its secret is another one')));
      return;
    }
    this.#link.send({ kind: MessageKind.proof, value: proofOf(secret, 'process', facts) });
  }

  #welcome(value: Uint8Array): void {
    const { hangMilliseconds, maximumValueBytes, host } = decodeWelcome(value);
    this.#coordinatorHost = host;
    this.#link.limit(frameBytes(maximumValueBytes) + 4 * this.#place.processes);
    this.#link.watch(hangMilliseconds);
  }

  #receive(message: Message): void {
    const { kind, request, value } = message;
    if (kind === MessageKind.lost) {
      this.#lose(this.#lostError(message));
      return;
    }
    const pending = this.#pending.get(request);
    if (!pending) throw new ProtocolError('an answer to no request');
    this.#pending.delete(request);
    if (kind === MessageKind.answer) pending.resolve(value);
    else if (kind === MessageKind.absent) pending.resolve(undefined);
    else if (kind === MessageKind.failed) pending.reject(decodeError(decodeText(value)));
    else throw new ProtocolError(`a message of kind ${kind} in place of an answer`);
  }

  #lostError({ request: rank, key: host, value }: Message): ProcessLostError {
    return this.#errorOf({ rank, host, reason: decodeText(value) });
  }

  #errorOf(lost: LostProcess): ProcessLostError {
    return new ProcessLostError(lost, this.#place.processes);
  }

  #endedLink(reason: string): void {
    this.#lose(this.#errorOf({ rank: 0, host: this.#coordinatorHost, reason }));
  }

  #lose(error: ProcessLostError): void {
    if (this.#ended) return;
    this.#end(error);
    this.#lost(error);
    void this.#link.close();
  }

  #end(error: ClusterError): void {
    this.#ended ??= error;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}

function notReached({ rank, coordinator }: ClusterPlace, milliseconds: number, reason: string): ClusterError {
  return new ClusterError({
    where: 'joinCluster',
    expected: `process ${rank} to join process 0 at ${formatAddress(coordinator)} within ${milliseconds / 1000} s`,
    got: `this of the last attempt: ${reason}`,
    fix: 'See that process 0 runs, that the coordinator is an address of its host, and that the port can be reached.',
  });
}

function refusedBy({ rank, coordinator }: ClusterPlace, reason: string): ClusterError {
  return new ClusterError({
    where: 'joinCluster',
    expected: `process 0 at ${formatAddress(coordinator)} to take process ${rank}`,
    got: `a refusal: ${reason}`,
    fix: 'All processes of a run have the same run, secret and number of processes, and each has its own rank.',
  });
}
