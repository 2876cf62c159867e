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
      const milliseconds = Math.min(Math.max(question.milliseconds, 1), longestMilliseconds);
      return { value: await store.get(key, { timeoutSeconds: milliseconds / 1000 }) };
    }
    const value = await store.tryGet(key);
    if (value) return { value };
    return { code: errorCodes.notFound, message: `no process has set the key ${question.key}` };
  } catch (error) {
    if (!(error instanceof ClusterError)) return { code: errorCodes.internal, message: String(error) };
    const { unavailable, deadlineExceeded } = errorCodes;
    return { code: error instanceof ProcessLostError ? unavailable : deadlineExceeded, message: error.message };
  }
}
