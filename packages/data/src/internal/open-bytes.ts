import { regularFileSize } from '@vitvq/files';
import type { SourceContext } from '../kinds/source-kind.js';
import { closedFile, type ByteRange } from './byte-range.js';
import { isAddress, openRemoteFile } from './remote-file.js';

/**
 * Opens a shard on the disk or on the web.
 * @param cacheDirectory  folder for shards of servers that send whole files only
 * @throws {DataError} naming the shard
 */
export async function openBytes(
  path: string,
  cacheDirectory: string | undefined,
  { resolve, signal, say }: SourceContext,
): Promise<ByteRange> {
  if (!isAddress(path)) return closedFile(path, await regularFileSize(path, 'a shard'), 'a shard');
  const folder = cacheDirectory === undefined ? undefined : resolve(cacheDirectory);
  return openRemoteFile(path, { cacheDirectory: folder, signal, say });
}
