import { DataError } from '@vitvq/core';
import type { ProcessGroup } from '../process-group.js';

const [done, failed] = [0, 1];

/**
 * Does a part of a work that all processes do at the same time, and returns the results of all of
 * them. Where one fails, all do: none waits for what never comes.
 * @throws what `work` throws; {@link DataError} saying what it threw in another process
 */
export async function workTogether(
  group: ProcessGroup,
  name: string,
  where: string,
  work: () => Promise<Uint8Array>,
): Promise<Uint8Array[]> {
  let own: Uint8Array;
  let thrown: { readonly error: unknown } | undefined;
  try {
    own = marked(done, await work());
  } catch (error) {
    thrown = { error };
    const text = (error instanceof Error ? error.message : String(error)).slice(0, 2_000);
    own = marked(failed, new TextEncoder().encode(text));
  }
  const all = await group.gather(name, own);
  if (thrown) throw thrown.error;
  const failure = all.findIndex((bytes) => bytes[0] !== done);
  if (failure >= 0) {
    const got = new TextDecoder().decode(all[failure]!.subarray(1));
    throw new DataError({ where, expected: `process ${failure} to do its part`, got: `an error: ${got}` });
  }
  return all.map((bytes) => bytes.subarray(1));
}

function marked(mark: number, bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(1 + bytes.length);
  all[0] = mark;
  all.set(bytes, 1);
  return all;
}
