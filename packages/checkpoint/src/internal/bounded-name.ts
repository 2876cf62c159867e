/**
 * JavaScript hashes texts beyond 16,383 characters by their length alone: many such names would
 * take long to tell apart.
 */
const maximumLength = 4096;

/**
 * A name that comes from a file and is to be looked up by, unless it is longer than any that means
 * something.
 * @param noun  what such names are called: `keys`
 * @throws what `refuse` throws
 */
export function boundedName(name: string, noun: string, refuse: (expected: string, got: string) => never): string {
  if (name.length > maximumLength)
    return refuse(`${noun} of at most ${maximumLength} characters`, `one of ${name.length}`);
  return name;
}
