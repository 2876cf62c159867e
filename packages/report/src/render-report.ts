import { assertInteger, checkOptions, type OptionTable } from '@vitvq/core';
import { renderPage } from './internal/render-page.js';
import type { ReportContent } from './report-content.js';

/** Options of {@link renderReport}. */
export interface RenderReportOptions {
  /** Seconds after which a browser that shows the page asks for it again. @default never */
  readonly refreshSeconds?: number;
}

const optionNames: OptionTable<RenderReportOptions> = { refreshSeconds: 'optional' };

/**
 * Returns the page of a report as `writeReport` writes it: one HTML file that contains its
 * pictures and runs no script.
 * @throws {ConfigError} for an option out of range
 */
export async function renderReport(content: ReportContent, options: RenderReportOptions = {}): Promise<string> {
  const { refreshSeconds } = checkOptions(options, optionNames, 'renderReport');
  if (refreshSeconds !== undefined) assertInteger(refreshSeconds, 'refreshSeconds', 'renderReport');
  return renderPage(content, refreshSeconds);
}
