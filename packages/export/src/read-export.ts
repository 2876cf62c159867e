import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { finishReplacement, readText } from '@vitvq/files';
import { z } from 'zod';
import { isExportFile, manifestName, manifestSchema } from './internal/manifest-schema.js';
import type { ExportedGraph, ExportedTransformer, ExportManifest } from './manifest.js';

/** Bytes of the largest manifest; names of classes and pictures of checks fit. */
const largestManifest = 64 * 2 ** 20;

/**
 * Reads the manifest of an exported folder and compares every file that it names with its checksum.
 * An export that was interrupted while it replaced another one is finished first.
 * @throws {DataError} naming the file that is missing, damaged or of another version
 */
export async function readExport(folder: string): Promise<ExportManifest> {
  await finishReplacement(folder, isExportFile);
  const manifest = await readManifest(folder);
  for (const graph of graphsOf(manifest)) await assertIntact(folder, graph);
  return manifest;
}

/**
 * Reads and validates the manifest alone.
 * @throws {DataError} naming the file that is missing, damaged or of another version
 */
export async function readManifest(folder: string): Promise<ExportManifest> {
  const file = join(folder, manifestName);
  let content: unknown;
  try {
    content = JSON.parse(await readText(file, 'a manifest', largestManifest));
  } catch (error) {
    throw new DataError(
      { where: file, expected: 'the manifest of an exported model', got: (error as Error).message },
      { cause: error },
    );
  }
  const parsed = manifestSchema.safeParse(content);
  if (!parsed.success) {
    throw new DataError({
      where: file,
      expected: 'the manifest of an exported model, version 1',
      got: z.prettifyError(parsed.error).replaceAll('\n', ' '),
      fix: 'Export it again with this version.',
    });
  }
  return parsed.data;
}

/** Returns all files of a manifest. */
export function graphsOf({
  tokenizer,
  transformer,
}: Pick<ExportManifest, 'tokenizer' | 'transformer'>): ExportedGraph[] {
  return [
    ...(tokenizer ? [tokenizer.encoder, tokenizer.decoder] : []),
    ...(transformer ? graphsOfTransformer(transformer) : []),
  ];
}

function graphsOfTransformer(transformer: ExportedTransformer): ExportedGraph[] {
  switch (transformer.kind) {
    case 'raster': {
      const { prefill, decodeStep, predict } = transformer;
      return [prefill, decodeStep, ...(predict ? [predict] : [])];
    }
    case 'masked':
      return [transformer.maskedLogits];
    case 'any-order':
      return [transformer.prefill, transformer.decodeStep];
  }
}

async function assertIntact(folder: string, { file, bytes, sha256 }: ExportedGraph): Promise<void> {
  const path = join(folder, file);
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      size += chunk.length;
      hash.update(chunk);
    }
  } catch (error) {
    throw new DataError(
      { where: path, expected: 'the file that the manifest names', got: (error as Error).message },
      { cause: error },
    );
  }
  const digest = hash.digest('hex');
  if (size !== bytes || digest !== sha256) {
    throw new DataError({
      where: path,
      expected: `${bytes} bytes with SHA-256 ${sha256}`,
      got: `${size} bytes with ${digest}`,
      fix: 'The file was damaged or exchanged: export the model again.',
    });
  }
}
