import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';

/** One end of a line between two threads, of which one blocks until the other has answered. */
export interface BlockingEnd {
  readonly port: MessagePort;
  /** Set to 1 when an answer lies at the port. */
  readonly signal: Int32Array<SharedArrayBuffer>;
}

/** What the thread that asks sends. */
interface Message<Content> {
  /** Whether the sender waits for an answer. */
  readonly isQuestion: boolean;
  readonly content: Content;
}

/** An answer: a value, or the message of an error. */
type Answer<Value> = { readonly value: Value } | { readonly failure: string };

/** Returns the two ends of a line. */
export function openLine(): { readonly asking: BlockingEnd; readonly answering: BlockingEnd } {
  const { port1, port2 } = new MessageChannel();
  const signal = new Int32Array(new SharedArrayBuffer(4));
  return { asking: { port: port1, signal }, answering: { port: port2, signal } };
}

/** The end of a line that asks, and blocks its thread until the answer is there. */
export class AskingEnd<Content, Value> {
  readonly #end: BlockingEnd;

  constructor(end: BlockingEnd) {
    this.#end = end;
  }

  /** Sends what needs no answer; where it fails, the next question says so. */
  tell(content: Content): void {
    this.#send({ isQuestion: false, content });
  }

  /** @throws {Error} with the message of the other thread's error */
  ask(content: Content): Value {
    const { port, signal } = this.#end;
    Atomics.store(signal, 0, 0);
    this.#send({ isQuestion: true, content });
    Atomics.wait(signal, 0, 0);
    const { message } = receiveMessageOnPort(port) as { readonly message: Answer<Value> };
    if ('failure' in message) throw new Error(message.failure);
    return message.value;
  }

  #send(message: Message<Content>): void {
    this.#end.port.postMessage(message);
  }
}

/**
 * Takes what comes to the end of a line that answers, one after another.
 * @param take  its result is the answer, where there was a question
 */
export function answerLine<Content, Value>(
  { port, signal }: BlockingEnd,
  take: (content: Content) => Promise<Value> | Value,
): void {
  let taken = Promise.resolve();
  let failure: string | undefined;
  const answer = async ({ isQuestion, content }: Message<Content>): Promise<void> => {
    let value: Value | undefined;
    try {
      if (failure === undefined) value = await take(content);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    if (!isQuestion) return;
    const reply: Answer<Value> = failure === undefined ? { value: value! } : { failure };
    failure = undefined;
    port.postMessage(reply);
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  };
  port.on('message', (message: Message<Content>) => {
    taken = taken.then(() => answer(message));
  });
}
