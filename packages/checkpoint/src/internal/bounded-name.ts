/**
 * Largest length of a name. JavaScript hashes strings beyond 16,383 characters by their length
 * alone, so that many such names would take long to tell apart.
 */
const maximumLength = 4096;

/**
 * Returns a name from a file that is used as a key, unless it is longer than any meaningful one.
 * @param noun  plural of what the names are, such as `keys`
 * @throws what `refuse` throws
 */
export function boundedName(name: string, noun: string, refuse: (expected: string, got: string) => never): string {
  if (name.length > maximumLength)
    return refuse(`${noun} of at most ${maximumLength} characters`, `one of ${name.length}`);
  return name;
}
