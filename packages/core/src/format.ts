/** Formats a fraction as a percentage with at most one decimal: 0.125 as `12.5 %`, 1 as `100 %`. */
export function formatPercent(fraction: number): string {
  return `${Number((100 * fraction).toFixed(1))} %`;
}
