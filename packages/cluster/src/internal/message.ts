/** What a message is about. The numbers are part of the protocol. */
export const MessageKind = {
  /** The first message of a process: who it is. */
  hello: 1,
  /** Answer to `hello`: the coordinator shows that it knows the secret, and asks for the same. */
  challenge: 2,
  /** Answer to `challenge`. */
  proof: 3,
  /** The coordinator does not take the process; the value says why. */
  refused: 4,
  /** The coordinator takes the process; the value holds the limits of the run. */
  welcome: 5,
  /** All processes are there. */
  start: 6,
  /** Sign of life. */
  beat: 7,
  put: 16,
  get: 17,
  tryGet: 18,
  delete: 19,
  gather: 20,
  leave: 21,
  /** Answer to a request. */
  answer: 32,
  /** Answer to a request for a key that is not there. */
  absent: 33,
  /** Answer to a request that failed; the value says why. */
  failed: 34,
  /** A process is lost: `request` is its rank, `key` its host, the value says why. */
  lost: 48,
  /** The sender fails; the value says why. */
  failing: 49,
} as const;

/** A kind of message. */
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

/** A request of a process to the store. */
export type RequestKind = (typeof MessageKind)['put' | 'get' | 'tryGet' | 'delete' | 'gather' | 'leave'];

const kinds: ReadonlySet<number> = new Set(Object.values(MessageKind));
const requestKinds: ReadonlySet<number> = new Set([16, 17, 18, 19, 20, 21]);

/** Returns whether a kind is that of a request to the store. */
export function isRequest(kind: MessageKind): kind is RequestKind {
  return requestKinds.has(kind);
}

/** A message. All kinds have the same fields; what a kind does not need is 0 or empty. */
export interface Message {
  readonly kind: MessageKind;
  /** Number of the request, which its answer repeats. */
  readonly request: number;
  /** How long a request waits. */
  readonly milliseconds: number;
  readonly key: string;
  readonly value: Uint8Array;
}

/** Fields of a message that is sent; those that are left out are 0 or empty. */
export type MessageFields = Pick<Message, 'kind'> & Partial<Message>;

/** Bytes of a frame before the key: length, kind, request, milliseconds, length of the key. */
const headBytes = 15;
const lengthBytes = 4;
/** Longest key in bytes. */
const maximumKeyBytes = 1_024;

/** Returns the longest frame of a message with a value of so many bytes, without its length. */
export function frameBytes(valueBytes: number): number {
  return headBytes - lengthBytes + maximumKeyBytes + valueBytes;
}

/** Error of bytes that are no message of this protocol. */
export class ProtocolError extends Error {}

/** Returns the bytes of a message: the length of what follows, the fields, the key, the value. */
export function encodeMessage({
  kind,
  request = 0,
  milliseconds = 0,
  key = '',
  value = new Uint8Array(0),
}: MessageFields): Buffer {
  const keyBytes = Buffer.byteLength(key);
  const bytes = Buffer.allocUnsafe(headBytes + keyBytes + value.length);
  bytes.writeUInt32BE(bytes.length - lengthBytes, 0);
  bytes.writeUInt8(kind, 4);
  bytes.writeUInt32BE(request, 5);
  bytes.writeUInt32BE(milliseconds, 9);
  bytes.writeUInt16BE(keyBytes, 13);
  bytes.write(key, headBytes, 'utf8');
  bytes.set(value, headBytes + keyBytes);
  return bytes;
}

/**
 * Cuts a stream of bytes, which may come from anyone, into messages. No more is kept than one frame
 * of at most `maximumBytes` and what came with it.
 */
export class MessageReader {
  /** Longest frame that is taken, without the bytes of its length. */
  maximumBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maximumBytes: number) {
    this.maximumBytes = maximumBytes;
  }

  /** Adds bytes. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /**
   * Returns the next message, or undefined until more bytes are there.
   * @throws {ProtocolError}
   */
  next(): Message | undefined {
    if (this.#bytes < lengthBytes) return undefined;
    if (this.#chunks[0]!.length < lengthBytes) this.#join();
    const length = this.#chunks[0]!.readUInt32BE(0);
    if (length < headBytes - lengthBytes || length > this.maximumBytes) {
      throw new ProtocolError(`a message of ${length} bytes, of at most ${this.maximumBytes}`);
    }
    const end = lengthBytes + length;
    if (this.#bytes < end) return undefined;
    // Chunks are joined once for a frame, so that many small ones take no longer.
    if (this.#chunks[0]!.length < end) this.#join();
    const [first] = this.#chunks;
    const frame = first!.subarray(0, end);
    if (first!.length === end) this.#chunks.shift();
    else this.#chunks[0] = first!.subarray(end);
    this.#bytes -= end;
    return decode(frame);
  }

  #join(): void {
    this.#chunks = [Buffer.concat(this.#chunks)];
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(frame: Buffer): Message {
  const kind = frame.readUInt8(4);
  const keyBytes = frame.readUInt16BE(13);
  if (!kinds.has(kind)) throw new ProtocolError(`a message of the unknown kind ${kind}`);
  if (keyBytes > maximumKeyBytes || headBytes + keyBytes > frame.length) {
    throw new ProtocolError(`a key of ${keyBytes} bytes`);
  }
  const end = headBytes + keyBytes;
  // A copy, because the frame may be a small part of a large buffer.
  const value = Uint8Array.from(frame.subarray(end));
  return {
    kind: kind as MessageKind,
    request: frame.readUInt32BE(5),
    milliseconds: frame.readUInt32BE(9),
    key: decodeText(frame.subarray(headBytes, end)),
    value,
  };
}

/** Returns a text of a message. @throws {ProtocolError} for what is no UTF-8 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ProtocolError('a text that is no UTF-8');
  }
}

/** Returns the bytes of a text, of which no more is sent than anybody reads. */
export function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text.slice(0, 2_000));
}
