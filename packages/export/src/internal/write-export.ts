import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError } from '@vitvq/core';
import type { ExportedOnnx } from '@vitvq/engine/onnx-export';
import { createFolder, finishReplacement, namesIn, replaceFiles, writeJson, writeWhole } from '@vitvq/files';
import type { ExportReport } from '../export-report.js';
import type { ExportedGraph, ExportManifest } from '../manifest.js';
import { graphsOf, readManifest } from '../read-export.js';
import { isExportFile, manifestName } from './manifest-schema.js';

/** Part of a manifest that one export writes. */
export type ManifestPart = Pick<ExportManifest, 'tokenizer'> | Pick<ExportManifest, 'transformer'>;

/** Shape of tokens, which a tokenizer and a transformer in one folder must share. */
export interface TokenShape {
  readonly grid: readonly [number, number];
  readonly vocabSize: number;
  readonly codeDepth: number;
}

/** Writes a file beside those of the same export and returns its entry in the manifest. */
export type AddGraph = (file: string, onnx: ExportedOnnx, weights: 'float32' | 'float16') => Promise<ExportedGraph>;

/**
 * Writes the files of one part to a folder of their own and, when `check` has passed, replaces
 * those of an earlier export as one, with the manifest that holds the results of the check. The
 * files of another part in the folder stay.
 * @throws {ConfigError} when the folder holds a part that does not fit
 * @throws {DataError} naming what cannot be written
 */
export async function writeExport(
  folder: string,
  { part: name, shape }: { readonly part: 'tokenizer' | 'transformer'; readonly shape: TokenShape },
  make: (add: AddGraph) => Promise<ManifestPart>,
  check: (folder: string) => Promise<ExportReport | undefined>,
): Promise<{ manifest: ExportManifest; report: ExportReport | undefined }> {
  await createFolder(folder);
  // A folder that cannot be read or does not fit is an error before the work, not after it.
  const before = await manifestIn(folder);
  assertFits(folder, shape, name === 'tokenizer' ? 'transformer' : 'tokenizer', before);
  // An earlier model in this folder may have had more files; what the manifests do not name stays.
  const earlier = new Set<string>();
  const kept = new Set<string>();
  let result: { manifest: ExportManifest; report: ExportReport | undefined } | undefined;
  await replaceFiles(folder, {
    isReplaced: isExportFile,
    stays: (file) => !earlier.has(file) || kept.has(file),
    write: async (staging) => {
      const part = await make(async (file, { bytes, opset, inputs, outputs }, weights) => {
        await writeWhole(join(staging, file), bytes);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        return { file, bytes: bytes.length, sha256, opset, weights, inputs, outputs };
      });
      const added: ExportManifest = { format: 'vitvq-onnx', version: 1, ...part };
      await writeJson(join(staging, manifestName), added);
      const report = await check(staging);
      const others = await manifestIn(folder);
      const manifest = { ...others, ...withMeasured(added, report) };
      await writeJson(join(staging, manifestName), manifest);
      for (const { file } of others ? graphsOf(others) : []) earlier.add(file);
      for (const { file } of graphsOf(manifest)) kept.add(file);
      result = { manifest, report };
      return [...graphsOf(added).map(({ file }) => file), manifestName];
    },
  });
  return result!;
}

/** Returns the manifest with the results of the check. */
function withMeasured(manifest: ExportManifest, report: ExportReport | undefined): ExportManifest {
  const { tokenizer, transformer } = manifest;
  const checks = report?.checks ?? [];
  const ofTokenizer = checks
    .filter((check) => check.part === 'tokenizer')
    .map(({ part: _part, passed: _passed, ...found }) => found);
  const ofTransformer = checks
    .filter((check) => check.part === 'transformer')
    .map(({ part: _part, passed: _passed, ...found }) => found);
  return {
    ...manifest,
    ...(tokenizer && { tokenizer: { ...tokenizer, measured: ofTokenizer } }),
    ...(transformer && { transformer: { ...transformer, measured: ofTransformer } }),
  };
}

/**
 * Compares the tokens of a part with those of the other part in the folder.
 * @throws {ConfigError} when they differ
 */
function assertFits(
  folder: string,
  shape: TokenShape,
  otherName: 'tokenizer' | 'transformer',
  manifest: ExportManifest | undefined,
): void {
  const other = manifest?.[otherName];
  if (!other) return;
  const [expected, got] = [describeTokens(other), describeTokens(shape)];
  if (expected === got) return;
  throw new ConfigError({
    where: folder,
    expected: `tokens of the ${otherName} in the folder, ${expected}`,
    got,
    fix: `Export to another folder, or remove ${manifestName} there first.`,
  });
}

function describeTokens({ grid, vocabSize, codeDepth }: TokenShape): string {
  return `${grid.join('x')} tokens of ${vocabSize} codes${codeDepth === 1 ? '' : ` on ${codeDepth} levels`}`;
}

async function manifestIn(folder: string): Promise<ExportManifest | undefined> {
  await finishReplacement(folder, isExportFile);
  return (await namesIn(folder)).includes(manifestName) ? readManifest(folder) : undefined;
}
