import { basename } from 'node:path';
import { DataError } from '@vitvq/core';
import { z } from 'zod';
import { closedFile, withFile, type ByteRange } from '../internal/byte-range.js';
import { EXTENSIONS } from '../internal/image-format.js';
import { indexShard, type ShardIndex } from '../internal/index-shard.js';
import { keptIndex } from '../internal/kept-index.js';
import { mapLimited } from '../internal/map-limited.js';
import { readMember } from '../internal/read-member.js';
import { isAddress, openRemoteFile } from '../internal/remote-file.js';
import { openSampleSet } from '../internal/sample-set.js';
import { shardPaths } from '../internal/shard-paths.js';
import { classesOf, classesSchema, decodingOf, encodedFields, pathSchema, sourceKind } from './source-kind.js';

const key = z.string().min(1);
const memberKey = z.union([key, z.strictObject({ key, field: key })], {
  error: 'expected the ending of a member, or { key, field } for a field of its JSON',
});

/** Shards that are indexed side by side. */
const SHARDS_AT_ONCE = 4;

const NOUN = 'a shard';

/** WebDataset: tar files whose members belong together by name, on the disk or on the web. */
export const webdataset = sourceKind({
  schema: z.strictObject({
    kind: z.literal('webdataset'),
    shards: z.union([pathSchema, z.array(pathSchema).min(1)]),
    imageKeys: z
      .array(key)
      .min(1)
      .default(EXTENSIONS.map((extension) => extension.slice(1))),
    labelKey: memberKey.default('cls'),
    captionKey: memberKey.optional(),
    classes: classesSchema.optional(),
    cacheDirectory: pathSchema.optional(),
    ...encodedFields,
  }),
  open: async ({ shards, imageKeys, labelKey, captionKey, classes, cacheDirectory, ...config }, context) => {
    const { signal, say, resolve } = context;
    const paths = await shardPaths([shards].flat(), ['.tar'], resolve);
    const remote = { cacheDirectory: cacheDirectory === undefined ? undefined : resolve(cacheDirectory), signal, say };
    const keys = { images: imageKeys.map((each) => each.toLowerCase()), label: labelKey, caption: captionKey };
    const names = uniqueNames(paths);
    let done = 0;
    const indexed = await mapLimited(paths, SHARDS_AT_ONCE, async (path, position) => {
      const options = { name: names[position]!, keys, signal };
      const found = await openShard(path, remote, { path, keys, name: names[position] }, (shard) =>
        indexShard(shard, options),
      );
      if (paths.length > 1) say(`${++done} of ${paths.length} shards indexed`);
      return 'reason' in found
        ? { file: undefined, samples: [], skipped: [{ ...found, name: names[position]! }] }
        : found;
    });
    return openSampleSet({
      name: paths.length === 1 ? names[0]! : `${names[0]} and ${paths.length - 1} more`,
      samples: indexed.flatMap(({ file, samples }) => samples.map((sample) => ({ ...sample, file: file! }))),
      skipped: indexed.flatMap(({ skipped }) => skipped),
      classes: await classesOf(classes, context),
      hasCaptions: captionKey !== undefined,
      decoding: decodingOf(config, context),
      identityOf: ({ size }) => String(size),
      read: (sample) => readMember(sample, config.maximumBytes),
    });
  },
});

/** Opens and indexes a shard. Returns both, or why it cannot be opened. */
async function openShard(
  path: string,
  remote: Parameters<typeof openRemoteFile>[1],
  facts: object,
  index: (shard: ByteRange) => Promise<ShardIndex>,
): Promise<(ShardIndex & { readonly file: ByteRange }) | { readonly reason: string }> {
  try {
    if (isAddress(path)) {
      const file = await openRemoteFile(path, remote);
      return { file, ...(await keptIndex(remote.cacheDirectory, { ...facts, size: file.size }, () => index(file))) };
    }
    return await withFile(path, NOUN, async (open) => ({
      file: closedFile(path, open.size, NOUN),
      ...(await index(open)),
    }));
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { reason: `it cannot be read: ${error.got}` };
  }
}

/** Returns the names of files, with as much of their paths as tells them apart. */
function uniqueNames(paths: readonly string[]): string[] {
  const names = paths.map((path) => basename(path));
  return new Set(names).size === names.length ? names : [...paths];
}
