/** Returns the values `count` times, one copy after the other. */
export function repeat<T extends Int32Array | Float32Array>(values: T, count: number): T {
  const repeated = new (values.constructor as new (length: number) => T)(count * values.length);
  for (let index = 0; index < count; index++) repeated.set(values, index * values.length);
  return repeated;
}
