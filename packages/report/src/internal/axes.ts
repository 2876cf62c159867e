import type { Axis } from 'vega';

/** Returns the horizontal axis of a chart. */
export function horizontalAxis(title: string): Axis {
  return { orient: 'bottom', scale: 'x', title, tickCount: 6, format: ',~r', domain: false, labelOverlap: true };
}

/**
 * Returns the vertical axis of a chart, with grid lines.
 * @param options  what differs from about five round numbers
 */
export function verticalAxis(options: Partial<Axis> = {}): Axis {
  return {
    orient: 'left',
    scale: 'y',
    grid: true,
    domain: false,
    ticks: false,
    tickCount: 5,
    format: ',~r',
    labelOverlap: true,
    ...options,
  };
}
