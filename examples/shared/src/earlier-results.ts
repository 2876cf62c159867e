import { readFile } from 'node:fs/promises';
import { ConfigError, DataError } from '@vitvq/core';
import { z } from 'zod';

/**
 * Returns the results that earlier calls of a program left in a JSON file `{ settings, results }`;
 * undefined where there is none yet.
 * @param schema  of the file
 * @throws {ConfigError} for results of other settings
 * @throws {DataError} for a file that cannot be read, or is something else
 */
export async function readEarlierResults<R>(
  file: string,
  schema: z.ZodType<{ readonly settings: unknown; readonly results: R }>,
  settings: unknown,
): Promise<R | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = schema.safeParse(tryJson(text));
  if (!parsed.success) {
    throw new DataError({
      where: file,
      expected: 'results of this program',
      got: z.prettifyError(parsed.error),
      fix: 'Remove the file, or choose another --out.',
    });
  }
  const [expected, got] = [settings, parsed.data.settings].map((each) => JSON.stringify(each)) as [string, string];
  if (got !== expected) {
    const fix = 'Give the same options to go on with these, or choose another --out.';
    throw new ConfigError({ where: file, expected: `results of ${expected}`, got, fix });
  }
  return parsed.data.results;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
