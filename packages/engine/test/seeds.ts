let last = 0;

/** Returns a seed that the tests of this file have not had. */
export function nextSeed(): number {
  return ++last;
}

/** Starts over: the numbers of a file of tests do not depend on the files before it. */
export function restartSeeds(): void {
  last = 0;
}
