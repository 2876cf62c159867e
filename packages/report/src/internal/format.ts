/** Formats a number without decimals, with commas between thousands. */
export function formatInteger(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Formats a number with one decimal below 100, and without decimals above. */
export function formatDecimal(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 });
}

/** Formats a number with at most three significant digits. */
export function formatSignificant(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Formats a time in seconds, such as `12.3 s`, `5 min 2 s` or `2 h 1 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${formatDecimal(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  const rest = Math.round(seconds) % 60;
  if (minutes < 60) return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
