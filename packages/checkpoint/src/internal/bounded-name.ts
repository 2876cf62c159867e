/**
 * Largest length of a name. V8 hashes strings beyond 16,383 characters by their length alone, so
 * lookups among many such names would be slow.
 */
const maximumLength = 4096;

/**
 * Returns a name of a file that will be a lookup key, or refuses it when it is too long.
 * @param noun  noun for such names in errors: `keys`
 * @throws what `refuse` throws
 */
export function boundedName(name: string, noun: string, refuse: (expected: string, got: string) => never): string {
  if (name.length > maximumLength)
    return refuse(`${noun} of at most ${maximumLength} characters`, `one of ${name.length}`);
  return name;
}
