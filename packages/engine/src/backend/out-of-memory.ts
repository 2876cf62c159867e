/** What runtimes and JavaScript say when they get no memory. */
const saysSo =
  /failed to allocate|out of memory|bad_?alloc|resource_exhausted|buffer allocation failed|cannot allocate memory/i;

/** Returns advice where the message of a runtime says that memory ran out; undefined elsewhere. */
export function memoryAdvice(message: string): string | undefined {
  if (!saysSo.test(message)) return undefined;
  return 'Memory ran out: use a smaller batch, take its gradient in parts (`accumulate` of a training), or use a smaller model.';
}
