import { describeCheck } from '../describe-check.js';
import { ExportError } from '../errors.js';
import type { ExportReport } from '../export-report.js';

/**
 * Returns the report, unless one of its checks failed.
 * @throws {ExportError} with all differences of the checks that failed
 */
export function assertPassed(report: ExportReport, folder: string): ExportReport {
  const failed = report.checks.filter(({ passed }) => !passed);
  if (failed.length === 0) return report;
  throw new ExportError({
    where: folder,
    expected: 'files that compute what the model computes',
    got: failed.map(describeCheck).join('; '),
    fix: 'Nothing was written.',
  });
}
