import type { LineChartOptions } from './line-chart.js';
import type { ReportChart } from './report-content.js';

/**
 * A line chart as a part of a report, with where each line begins and ends in words for those who cannot see it.
 * @param file  see `ImageBlock.file`
 */
export function lineReportChart(file: string, options: LineChartOptions): ReportChart {
  const lines = options.series.flatMap(({ name, points }) => {
    const finite = points.filter(([, y]) => Number.isFinite(y));
    const [start, end] = [finite[0], finite.at(-1)];
    return start && end ? [`${name} goes from ${significant(start[1])} to ${significant(end[1])}`] : [];
  });
  return { chart: { type: 'line', ...options }, alt: `${options.title}: ${lines.join('; ')}.`, file };
}

const significant = (value: number): string => String(Number(value.toPrecision(3)));
