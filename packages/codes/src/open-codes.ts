import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { CodeSource, type CodeView } from './code-source.js';
import { ShardFiles } from './internal/shard-files.js';
import {
  assertSameConfiguration,
  nameOf,
  readShard,
  readShardConfiguration,
  shardCount,
  shardName,
  shardPlaces,
  type ShardConfiguration,
} from './internal/shard.js';

/**
 * Opens the shards that `encodeToShards` or workers (`encodeAsWorker`) wrote. Reads and verifies
 * all of them once; afterwards rows are read when a batch needs them, so that memory holds only
 * labels and the places of images. The caller closes the source.
 * @throws {DataError} when shards are missing, damaged, or hold other images in one view than in
 *   another
 * @throws {ConfigError} when the shards do not come from one call with the same options
 */
export async function openCodes(directory: string): Promise<CodeSource> {
  const names = await fs.readdir(directory).catch((): string[] => []);
  const first = names.filter((name) => shardName.test(name)).sort()[0];
  if (first === undefined) {
    throw new DataError({
      where: directory,
      expected: 'a folder of codes',
      got: 'none',
      fix: 'encodeToShards and vitvq tokenize make them.',
    });
  }
  const configuration = await readShardConfiguration(join(directory, first));
  const count = shardCount(configuration);
  // A shard may say anything of how many there are: of one more than the files, one is missing.
  const places = shardPlaces(configuration, names.length + 1);
  const missing = places.map(nameOf).filter((name) => !names.includes(name));
  if (missing.length > 0) {
    const more = missing.length - 1 + count - places.length;
    throw new DataError({
      where: directory,
      expected: `${count} shards`,
      got: `none named ${missing[0]}${more > 0 ? ` and ${more} more` : ''}`,
      fix: 'Call encodeToShards (or vitvq tokenize) again: it goes on where it was stopped.',
    });
  }
  const hash = createHash('sha256');
  const views = Array.from({ length: configuration.views }, (): ViewBuilder => ({ shards: [], entries: [] }));
  for (const place of places) {
    const name = nameOf(place);
    const { rows, checksum, ...shard } = await readShard(join(directory, name));
    assertSameConfiguration(shard.file, shard.configuration, configuration);
    hash.update(checksum);
    const { shards, entries } = views[place.view]!;
    rows.indices.forEach((image, row) => entries.push({ image, shard: shards.length, row, label: rows.labels?.[row] }));
    shards.push(name);
  }
  return new CodeSource({
    configuration,
    files: new ShardFiles(directory),
    views: alike(views, directory, configuration),
    labels: labelsOf(views[0]!),
    indices: Int32Array.from(views[0]!.entries, ({ image }) => image),
    fingerprint: hash.digest('hex').slice(0, 32),
  });
}

interface ViewBuilder {
  readonly shards: string[];
  readonly entries: { image: number; shard: number; row: number; label: number | undefined }[];
}

/** The same images in the same order in all views. @throws {DataError} */
function alike(views: readonly ViewBuilder[], directory: string, { batchesPerView }: ShardConfiguration): CodeView[] {
  for (const { entries } of views) entries.sort((a, b) => a.image - b.image);
  const [first, ...others] = views as [ViewBuilder, ...ViewBuilder[]];
  const differing = others.find(
    ({ entries }) =>
      entries.length !== first.entries.length || entries.some(({ image }, at) => image !== first.entries[at]!.image),
  );
  if (differing || first.entries.length === 0) {
    throw new DataError({
      where: directory,
      expected: 'the same images in every view',
      got: differing ? `others in view ${views.indexOf(differing)}` : `none in ${batchesPerView} batches`,
      fix: "Encode with lastBatch: 'pad', which leaves no image out.",
    });
  }
  return views.map(({ shards, entries }) => ({
    shards,
    shardOf: Uint32Array.from(entries, ({ shard }) => shard),
    rowOf: Uint32Array.from(entries, ({ row }) => row),
  }));
}

function labelsOf({ entries }: ViewBuilder): Int32Array | undefined {
  if (entries.some(({ label }) => label === undefined)) return undefined;
  return Int32Array.from(entries, ({ label }) => label!);
}
