import { DataError } from '@vitvq/core';
import { InputFile } from '@vitvq/files';
import { openFlaxCheckpoint, type FlaxCheckpoint } from './flax-checkpoint.js';
import { foreignFormat, formatBytes, type ForeignFormat } from './internal/foreign-format.js';
import { openPyTorchCheckpoint, type PyTorchCheckpoint, type PyTorchCheckpointOptions } from './pytorch-checkpoint.js';
import type { TensorFile } from './tensor-source.js';
import { openSafetensors } from './safetensors.js';
import { openShardedSafetensors } from './sharded-safetensors.js';

/**
 * Opens a file of weights from elsewhere, whatever it is called: a safetensors file, an index of
 * several, a file of `torch.save`, or a checkpoint of Flax. The format is read off the content, not
 * the ending of the name. The caller closes it.
 * @param options  for files of PyTorch; others have neither parts nor classes
 * @throws {DataError} naming the file and what it is instead, such as a web page or a pointer of
 *   Git LFS
 */
export async function openWeights(
  file: string,
  options: PyTorchCheckpointOptions = {},
): Promise<TensorFile | PyTorchCheckpoint | FlaxCheckpoint> {
  const format = await formatOf(file);
  if (format?.name === 'safetensors') return openSafetensors(file);
  if (format?.name === 'json') return openShardedSafetensors(file);
  if (format?.name === 'zip' || format?.name === 'pickle') return openPyTorchCheckpoint(file, options);
  if (format?.name === 'msgpack') return openFlaxCheckpoint(file);
  throw new DataError({
    where: file,
    expected: 'weights: a safetensors file, an index of several, or a checkpoint of PyTorch or Flax',
    got: format?.what ?? 'something else',
    fix: format?.fix,
  });
}

async function formatOf(file: string): Promise<ForeignFormat | undefined> {
  const input = await InputFile.open(file, 'a file of weights');
  try {
    return foreignFormat(await input.read(0, Math.min(input.size, formatBytes)));
  } finally {
    await input.close();
  }
}
