import { randomBytes } from 'node:crypto';
import { decodeHello, isSameProof, nonceBytes, proofOf, protocolVersion, type Hello } from './handshake.js';
import { MessageKind, ProtocolError, type Message, type MessageFields } from './message.js';

/** Why a process is not taken. Its message is sent to the process. */
export class RefusalError extends Error {}

/** Finds out who is at the other end of a connection, and whether it belongs to the run. */
export class Admission {
  readonly #runId: string;
  readonly #secret: string;
  #greeting: { readonly hello: Hello; readonly nonce: Uint8Array } | undefined;

  constructor(runId: string, secret: string) {
    this.#runId = runId;
    this.#secret = secret;
  }

  /**
   * Takes the next message.
   * @param answer  sends a message
   * @returns who the process is, once it has shown that it knows the secret
   * @throws {RefusalError} for a process of another run; it says nothing about this one
   * @throws {ProtocolError} for whoever speaks something else
   */
  take(message: Message, answer: (message: MessageFields) => void): Hello | undefined {
    if (this.#greeting === undefined && message.kind === MessageKind.hello) {
      this.#greet(message, answer);
      return undefined;
    }
    if (this.#greeting === undefined || message.kind !== MessageKind.proof) {
      throw new ProtocolError('something before it said who it is');
    }
    const { hello, nonce } = this.#greeting;
    if (!isSameProof(this.#proof('process', hello, nonce), message.value)) {
      throw new RefusalError('its secret is another one');
    }
    return hello;
  }

  #greet({ key: runId, value }: Message, answer: (message: MessageFields) => void): void {
    const hello = decodeHello(value);
    if (hello.version !== protocolVersion) {
      throw new RefusalError(`it speaks version ${hello.version} of the protocol, not ${protocolVersion}`);
    }
    if (runId !== this.#runId) throw new RefusalError(`it belongs to another run, ${JSON.stringify(runId)}`);
    const nonce = randomBytes(nonceBytes);
    this.#greeting = { hello, nonce };
    answer({
      kind: MessageKind.challenge,
      value: Buffer.concat([nonce, this.#proof('coordinator', hello, nonce)]),
    });
  }

  #proof(side: 'coordinator' | 'process', { rank, processes, nonce }: Hello, coordinatorNonce: Uint8Array): Uint8Array {
    const facts = { runId: this.#runId, rank, processes, processNonce: nonce, coordinatorNonce };
    return proofOf(this.#secret, side, facts);
  }
}
