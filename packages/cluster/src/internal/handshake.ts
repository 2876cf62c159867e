import { createHmac, timingSafeEqual } from 'node:crypto';
import { decodeText, ProtocolError } from './message.js';

/** Version of the protocol; another one is refused. */
export const protocolVersion = 1;
/** Longest frame before a process is admitted. */
export const handshakeFrameBytes = 2_048;
/** How long a connection may take until its process is admitted. */
export const handshakeMilliseconds = 10_000;
/** Bytes of a random number that a side draws for each connection. */
export const nonceBytes = 32;

const magic = Buffer.from('vitvq-cluster', 'latin1');
const helloBytes = magic.length + 1 + 4 + 4 + nonceBytes;
const maximumHostBytes = 255;

/** Who a process says that it is. */
export interface Hello {
  readonly version: number;
  readonly rank: number;
  readonly processes: number;
  readonly nonce: Uint8Array;
  readonly host: string;
}

/** Returns the value of a `hello` message. */
export function encodeHello({ rank, processes, nonce, host }: Omit<Hello, 'version'>): Uint8Array {
  const bytes = Buffer.alloc(helloBytes);
  let at = magic.copy(bytes);
  at = bytes.writeUInt8(protocolVersion, at);
  at = bytes.writeUInt32BE(rank, at);
  at = bytes.writeUInt32BE(processes, at);
  bytes.set(nonce, at);
  return Buffer.concat([bytes, hostBytes(host)]);
}

/** Parses the value of a `hello` message. @throws {ProtocolError} for what is none */
export function decodeHello(value: Uint8Array): Hello {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const isHello = bytes.length > magic.length && bytes.subarray(0, magic.length).equals(magic);
  if (!isHello) throw new ProtocolError('no greeting');
  const version = bytes.readUInt8(magic.length);
  const at = magic.length + 1;
  if (version !== protocolVersion) return { version, rank: 0, processes: 0, nonce: new Uint8Array(0), host: '' };
  if (bytes.length < helloBytes) throw new ProtocolError('a greeting that is too short');
  return {
    version,
    rank: bytes.readUInt32BE(at),
    processes: bytes.readUInt32BE(at + 4),
    nonce: bytes.subarray(at + 8, helloBytes),
    host: hostText(bytes.subarray(helloBytes)),
  };
}

/** What process 0 decides for all processes. */
export interface Welcome {
  readonly hangMilliseconds: number;
  readonly maximumValueBytes: number;
  /** Name of the host of process 0. */
  readonly host: string;
}

/** Returns the value of a `welcome` message. */
export function encodeWelcome({ hangMilliseconds, maximumValueBytes, host }: Welcome): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(hangMilliseconds, 0);
  bytes.writeUInt32BE(maximumValueBytes, 4);
  return Buffer.concat([bytes, hostBytes(host)]);
}

/** Parses the value of a `welcome` message. @throws {ProtocolError} for what is none */
export function decodeWelcome(value: Uint8Array): Welcome {
  if (value.length < 8) throw new ProtocolError('a welcome that is too short');
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const [hangMilliseconds, maximumValueBytes] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
  const { hang, value: longest } = limitsOfRun;
  const isWithin = hangMilliseconds >= hang[0] && hangMilliseconds <= hang[1] && maximumValueBytes <= longest;
  if (!isWithin) throw new ProtocolError('limits that cannot be');
  return { hangMilliseconds, maximumValueBytes, host: hostText(bytes.subarray(8)) };
}

/** Bounds of what process 0 may decide. */
export const limitsOfRun = { hang: [200, 3_600_000], value: 2 ** 29 } as const;

function hostBytes(host: string): Uint8Array {
  return new TextEncoder().encode(host).subarray(0, maximumHostBytes);
}

function hostText(bytes: Uint8Array): string {
  if (bytes.length > maximumHostBytes) throw new ProtocolError('a name of a host that is too long');
  return decodeText(bytes);
}

/** What both sides of a connection know, and what a proof is about. */
export interface ProofFacts {
  readonly runId: string;
  readonly rank: number;
  readonly processes: number;
  readonly processNonce: Uint8Array;
  readonly coordinatorNonce: Uint8Array;
}

/**
 * Returns what only somebody computes who knows the secret: it is never sent itself. Each side
 * draws a number, so that no proof can be used again.
 */
export function proofOf(secret: string, side: 'coordinator' | 'process', facts: ProofFacts): Uint8Array {
  const { runId, rank, processes, processNonce, coordinatorNonce } = facts;
  return createHmac('sha256', secret)
    .update(JSON.stringify(['vitvq-cluster', protocolVersion, side, rank, processes, runId]))
    .update(processNonce)
    .update(coordinatorNonce)
    .digest();
}

/** Compares two proofs in a time that says nothing about where they differ. */
export function isSameProof(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
