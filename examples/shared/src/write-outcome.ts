import { join } from 'node:path';
import { writeJson } from '@vitvq/files';
import { writeReport, type ReportContent } from '@vitvq/report';

/** Name of the file that is written last: where it exists, the run is done. */
export const METRICS_FILE = 'metrics.json';

/**
 * Writes `report.html` with the pictures beside it, then `metrics.json`.
 * @returns the paths of both
 */
export async function writeOutcome(
  folder: string,
  report: ReportContent,
  metrics: object,
): Promise<{ readonly report: string; readonly metrics: string }> {
  const page = await writeReport(folder, report);
  const file = join(folder, METRICS_FILE);
  await writeJson(file, metrics);
  return { report: page, metrics: file };
}
