import { createHash } from 'node:crypto';
import { ClusterError, ProcessLostError, type Cluster } from '@vitvq/cluster';

/** What a plug-in asks of the store of the run. */
export type StoreQuestion =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'get'; readonly key: string; readonly milliseconds: number }
  | { readonly kind: 'tryGet'; readonly key: string };

/** Codes of errors of the PJRT C API (`PJRT_Error_Code`). */
export const errorCodes = { deadlineExceeded: 4, notFound: 5, internal: 13, unavailable: 14 } as const;

/** Code of an error that a plug-in is told. */
export type ErrorCode = (typeof errorCodes)[keyof typeof errorCodes];

/** What the store answers; `value` is empty after `put`. */
export type StoreValue = { readonly value: Uint8Array } | { readonly code: ErrorCode; readonly message: string };

const nothing = new Uint8Array(0);
const longestMilliseconds = 2 ** 31 - 1;
/** Keys of the store are shorter than those of collectives over many devices. */
const longestKey = 400;

/** Returns the key under which the store keeps what a plug-in names. */
function storeKey(key: string): string {
  const name = key.length <= longestKey ? key : createHash('sha256').update(key).digest('hex');
  return `plug-in/${name}`;
}

function codeOf({ kind }: StoreQuestion, error: unknown): ErrorCode {
  if (error instanceof ProcessLostError) return errorCodes.unavailable;
  return kind === 'get' && error instanceof ClusterError ? errorCodes.deadlineExceeded : errorCodes.internal;
}

/** Asks the store of the run what a plug-in asks. */
export async function takeStoreQuestion(
  store: Pick<Cluster, 'put' | 'get' | 'tryGet'>,
  question: StoreQuestion,
): Promise<StoreValue> {
  const key = storeKey(question.key);
  try {
    if (question.kind === 'put') {
      await store.put(key, question.value);
      return { value: nothing };
    }
    if (question.kind === 'get') {
      // A negative number is XLA's for no limit.
      const limit = question.milliseconds < 0 ? longestMilliseconds : Math.max(question.milliseconds, 1);
      return { value: await store.get(key, { timeoutSeconds: Math.min(limit, longestMilliseconds) / 1000 }) };
    }
    const value = await store.tryGet(key);
    if (value) return { value };
    return { code: errorCodes.notFound, message: `no process has set the key ${question.key}` };
  } catch (error) {
    return { code: codeOf(question, error), message: error instanceof Error ? error.message : String(error) };
  }
}
