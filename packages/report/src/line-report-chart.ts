import { checkOptions } from '@vitvq/core';
import { formatSignificant } from './internal/format.js';
import { lineChartOptionNames, type LineChartOptions } from './line-chart.js';
import type { ReportChart } from './report-content.js';

/**
 * Returns a line chart as a part of a report. Its alternative text says where each line begins and
 * ends.
 * @param file  see `ImageBlock.file`
 * @throws {ConfigError} when options are missing or misspelt
 */
export function lineReportChart(file: string, options: LineChartOptions): ReportChart {
  checkOptions(options, lineChartOptionNames, 'lineReportChart', { allowOthers: true });
  const lines = options.series.flatMap(({ name, points }) => {
    const finite = points.filter(([, y]) => Number.isFinite(y));
    const [start, end] = [finite[0], finite.at(-1)];
    return start && end ? [`${name} goes from ${formatSignificant(start[1])} to ${formatSignificant(end[1])}`] : [];
  });
  return { chart: { type: 'line', ...options }, alt: `${options.title}: ${lines.join('; ')}.`, file };
}
