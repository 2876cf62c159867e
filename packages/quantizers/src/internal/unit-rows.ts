/** Returns the rows of `data` `[K, E]` at length 1; rows of zeros stay. */
export function unitRows(data: ArrayLike<number>, codeDim: number): Float64Array {
  const rows = Float64Array.from(data);
  for (let start = 0; start < rows.length; start += codeDim) {
    const row = rows.subarray(start, start + codeDim);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value ** 2, 0));
    if (length > 0) row.forEach((value, channel) => (row[channel] = value / length));
  }
  return rows;
}
