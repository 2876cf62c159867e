import { openWeights, type TensorEntry, type TensorFile } from '@vitvq/checkpoint';
import { assertMembers, assertOneOf, DataError, parseOptions, printable, skipInitialization } from '@vitvq/core';
import { assertTensors, importWeights } from './internal/imported-weights.js';
import { featureExtractorKinds, rowOf, type FeatureExtractorKind, type FeatureExtractorOf } from './kinds.js';

/**
 * Builds a feature extractor from a file that the field uses. Nothing in the file is run, tensors
 * are read a few at a time, and sizes are read off names and shapes. The caller disposes of the
 * result. No weights come with vitvq; docs/feature-extractors.md says where they are and under
 * which licences.
 * @param kind  network, such as `inception-v3-compat`
 * @param checkpoint  path of a file of PyTorch, of safetensors or of an index of several, or paths
 *   of files that hold the weights together; or an open file, which stays open
 * @throws {DataError} when the file cannot be read or holds another network
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together
 */
export async function importFeatureExtractor<K extends FeatureExtractorKind, Entry extends TensorEntry = TensorEntry>(
  kind: K,
  checkpoint: string | readonly string[] | TensorFile<Entry>,
): Promise<FeatureExtractorOf<K>> {
  assertOneOf(kind, Object.keys(featureExtractorKinds), 'kind', 'importFeatureExtractor');
  if (typeof checkpoint !== 'string' && !isList(checkpoint)) {
    assertMembers(checkpoint, ['file', 'entries', 'read'], 'checkpoint', 'importFeatureExtractor');
    return build(kind, checkpoint);
  }
  const opened = await openAll([checkpoint].flat(), rowOf(kind).open ?? openWeights);
  try {
    return await build(kind, opened);
  } finally {
    await opened.close();
  }
}

function isList(checkpoint: object): checkpoint is readonly string[] {
  return Array.isArray(checkpoint);
}

/** Opens files as if they were one. @throws {DataError} for a tensor that two of them have */
async function openAll(paths: readonly string[], open: (path: string) => Promise<TensorFile>): Promise<TensorFile> {
  const files: TensorFile[] = [];
  const close = async (): Promise<void> => {
    for (const file of files) await file.close();
  };
  try {
    const fileOf = new Map<string, TensorFile>();
    const where = paths.join(' and ');
    for (const path of paths) {
      const opened = await open(path);
      files.push(opened);
      for (const { name } of opened.entries) {
        if (fileOf.has(name)) {
          throw new DataError({ where, expected: 'each tensor once', got: `${printable(name)} more than once` });
        }
        fileOf.set(name, opened);
      }
    }
    const entries = files.flatMap((file) => file.entries);
    return { file: where, entries, read: (entry) => fileOf.get(entry.name)!.read(entry), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function build<K extends FeatureExtractorKind>(kind: K, opened: TensorFile): Promise<FeatureExtractorOf<K>> {
  const { create, find, schema } = rowOf(kind);
  const { config: found, ...weightImport } = await find(opened);
  const config = parseOptions(schema, found, opened.file);
  assertTensors(opened, weightImport);
  const network = skipInitialization((key) => create(config, key), opened);
  try {
    await importWeights(opened, network.namedVariables(), weightImport);
    await network.seal();
  } catch (error) {
    network.dispose();
    throw error;
  }
  return network as FeatureExtractorOf<K>;
}
