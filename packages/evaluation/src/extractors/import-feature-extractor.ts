import { openWeights, type TensorEntry, type TensorFile } from '@vitvq/checkpoint';
import { assertOneOf, parseOptions, skipInitialization } from '@vitvq/core';
import { importWeights } from './internal/imported-weights.js';
import { featureExtractorKinds, rowOf, type FeatureExtractorKind, type FeatureExtractorOf } from './kinds.js';

/**
 * Builds a feature extractor from a file that the field uses. Nothing in the file is run, tensors
 * are read a few at a time, and sizes are read off names and shapes. The caller disposes of the
 * result. No weights come with vitvq; docs/feature-extractors.md says where they are and under
 * which licences.
 * @param kind  network, such as `inception-v3-compat`
 * @param checkpoint  path of a file of PyTorch, of safetensors or of an index of several, or an
 *   open file, which stays open
 * @throws {DataError} when the file cannot be read or holds another network
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together
 */
export async function importFeatureExtractor<K extends FeatureExtractorKind, Entry extends TensorEntry = TensorEntry>(
  kind: K,
  checkpoint: string | TensorFile<Entry>,
): Promise<FeatureExtractorOf<K>> {
  assertOneOf(kind, Object.keys(featureExtractorKinds), 'kind', 'importFeatureExtractor');
  if (typeof checkpoint !== 'string') return build(kind, checkpoint);
  const opened = await openWeights(checkpoint);
  try {
    return await build(kind, opened);
  } finally {
    await opened.close();
  }
}

async function build<K extends FeatureExtractorKind>(kind: K, opened: TensorFile): Promise<FeatureExtractorOf<K>> {
  const { create, find, schema } = rowOf(kind);
  const { config: found, ...weightImport } = find(opened);
  const config = parseOptions(schema, found, opened.file);
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
