import { assertMembers, ConfigError, readCodes, type Quantizer } from '@vitvq/core';
import { codebookReport, type CodebookReport } from '@vitvq/quantizers';
import type { Evaluation } from './evaluator.js';

/**
 * Returns `codebookReport` of @vitvq/quantizers for the codes of a tokenizer, as an evaluation
 * found them in use: one report for a table of codes, whether one level or several use it, and one
 * for each level of a residual quantizer, or group of a grouped one, with codes of its own. Where
 * codes are fixed or put together of parts, nothing is said of codes that are alike.
 * @param quantizer  of the tokenizer that was evaluated
 * @throws {ConfigError} when the evaluation is that of another quantizer, or of latents that are no
 *   codes
 */
export async function codebookReports(
  quantizer: Pick<Quantizer, 'codeDepth' | 'codebook'>,
  evaluation: Pick<Evaluation, 'codebook' | 'levels'>,
): Promise<CodebookReport[]> {
  const where = 'codebookReports';
  assertMembers(quantizer, ['codeDepth'], 'the quantizer', where);
  assertMembers(evaluation, ['codebook', 'levels'], 'the evaluation', where);
  const { levels } = evaluation;
  const codebook = evaluation.codebook!;
  if (levels.length !== quantizer.codeDepth) {
    const expected = `the evaluation of a quantizer with ${quantizer.codeDepth} codes a token`;
    throw new ConfigError({ where, expected, got: `one of ${levels.length}` });
  }
  const own = quantizer.codebook?.tables ?? [];
  // The tables of a product are those of its parts.
  const tables = own.every(({ size }) => size === codebook.counts.length) ? own : [];
  const uses = tables.length === 1 ? [codebook] : levels;
  const reports: CodebookReport[] = [];
  for (const [index, use] of uses.entries()) {
    const table = tables[index];
    const isResidual = quantizer.codeDepth > 1;
    const codes = table && { codebook: await readCodes(table), normalize: table.normalized, isResidual };
    reports.push(codebookReport(use, { ...codes, hasFixedCodes: quantizer.codebook === undefined }));
  }
  return reports;
}
