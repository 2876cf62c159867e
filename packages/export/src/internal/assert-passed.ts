import { ExportError } from '../errors.js';
import { describeCheck, type ExportReport } from '../verify-export.js';

/** The report, unless it has a check that failed. @throws {ExportError} with what differs by how much */
export function assertPassed(report: ExportReport, folder: string): ExportReport {
  const failed = report.checks.filter(({ passed }) => !passed);
  if (failed.length === 0) return report;
  throw new ExportError({
    where: folder,
    expected: 'files that give what the model gives',
    got: failed.map(describeCheck).join('; '),
    fix: 'Nothing was written.',
  });
}
