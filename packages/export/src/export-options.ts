import { assertOneOf, checkOptions, type OptionTable } from '@vitvq/core';
import type { ExportReport } from './export-report.js';
import type { ExportManifest } from './manifest.js';
import { verifyOptionNames, type VerifyOptions } from './verify-export.js';

/** Options of an export. */
export interface ExportOptions {
  /**
   * Type in which weights are stored. `float16` halves the files; weights become float32 again when
   * a file is loaded. `psnr` of the report tells what `float16` costs; pass images
   * (`verify.images`) for a PSNR of real images.
   * @default 'float32'
   */
  readonly weights?: 'float32' | 'float16';
  /** Notes for the manifest and the files, such as the source of the weights and their licence. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * Options of the check that files pass before they get their names; `false` for no check.
   * @default those of verifyExport
   */
  readonly verify?: VerifyOptions | false;
}

const exportOptionNames: OptionTable<ExportOptions> = {
  weights: 'optional',
  metadata: 'optional',
  verify: 'optional',
};

/** Options of the export of a transformer. */
export interface TransformerExportOptions extends ExportOptions {
  /**
   * Any-order models alone: number of tokens that a step draws, each without the others, in
   * `[1, N]`. The files have steps of this size and no other. @default 1
   */
  readonly tokensPerStep?: number;
}

/** Names of {@link TransformerExportOptions}. */
export const transformerExportOptionNames: OptionTable<TransformerExportOptions> = {
  ...exportOptionNames,
  tokensPerStep: 'optional',
};

/** Checks the options of an export and fills in their defaults. @throws {ConfigError} */
export function completeExportOptions(options: ExportOptions, where: string): Required<ExportOptions> {
  const { weights = 'float32', metadata = {}, verify = {} } = checkOptions(options, exportOptionNames, where);
  assertOneOf(weights, ['float32', 'float16'], 'weights', where);
  if (verify !== false) checkOptions(verify, verifyOptionNames, `${where}, verify`);
  return { weights, metadata, verify };
}

/** Manifest and report of an export. */
export interface ExportResult {
  /** Content of `vitvq.json`. */
  readonly manifest: ExportManifest;
  /** Result of the check; undefined where there was none. */
  readonly report: ExportReport | undefined;
}
