import { ClusterError, type ProcessLostError } from '../cluster-error.js';
import type { RequestKind } from './message.js';

/** What a process does with the store and with the others, wherever the store is. */
export interface Session {
  /**
   * Asks the store.
   * @returns the value; undefined where there is none
   * @throws {ClusterError} when the store refuses, and once a process is lost
   */
  request(kind: RequestKind, key: string, value: Uint8Array, milliseconds: number): Promise<Uint8Array | undefined>;
  /** Tells the others that this process fails, and ends. */
  fail(reason: string): Promise<void>;
  /** Waits for all processes and ends. @throws {ClusterError} */
  leave(milliseconds: number): Promise<void>;
}

/** Takes the news of a lost process. */
export type LossListener = (error: ProcessLostError) => void;

/** Error of whoever goes on after it left, or said that it fails. */
export function endedError(): ClusterError {
  return new ClusterError({ where: 'Cluster', expected: 'a process that takes part', got: 'one that has left' });
}

const separator = '\0';

/** Returns the text of an error that goes to another process. */
export function encodeError(error: ClusterError): string {
  const { where, expected, got, fix = '' } = error;
  return [where, expected, got, fix].map((text) => text.replaceAll(separator, ' ')).join(separator);
}

/** Returns the error of a text from another process, which may be any text. */
export function decodeError(text: string): ClusterError {
  const [where = 'Cluster', expected = 'an answer', got = 'a failure', fix = ''] = text.split(separator, 4);
  return new ClusterError({ where, expected, got, fix: fix === '' ? undefined : fix });
}
