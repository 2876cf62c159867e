import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { createFolder, namesIn, readText, writeJson, writeWhole } from '@vitvq/files';
import { z } from 'zod';
import type { JobFolder } from './job-folder.js';
import { nameOf, shardCount, shardPlaces, type ShardConfiguration, type ShardPlace } from './shard.js';

const maximumRecordBytes = 2 ** 16;

const recordSchema = z.strictObject({
  /** Name of the file. */
  shard: z.string(),
  /** SHA-256 of the file. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(1),
  /** Images whose tokens it holds. */
  images: z.int().min(0),
  /** Images of its range that could not be used. */
  leftOut: z.int().min(0),
});

/** What is known of a shard that is done. */
export type ShardRecord = Readonly<z.output<typeof recordSchema>>;

/** The shards of a folder that are done: each has a record, which is written after the shard. */
export class FinishedShards {
  readonly #folder: JobFolder;

  constructor(folder: JobFolder) {
    this.#folder = folder;
  }

  /** Returns the names of the shards that are done. */
  async names(): Promise<Set<string>> {
    const recorded = new Set(await namesIn(this.#folder.finished));
    return new Set((await namesIn(this.#folder.directory)).filter((name) => recorded.has(recordName(name))));
  }

  /** Returns whether a shard is done. */
  async has(place: ShardPlace): Promise<boolean> {
    const { directory, finished } = this.#folder;
    const files = [join(directory, nameOf(place)), join(finished, recordName(nameOf(place)))];
    return (await Promise.all(files.map(isThere))).every(Boolean);
  }

  /** Writes down that a shard is done. @throws {DataError} */
  async add(record: ShardRecord): Promise<void> {
    await createFolder(this.#folder.finished);
    await writeJson(join(this.#folder.finished, recordName(record.shard)), record);
  }

  /** Returns the record of a shard; undefined where there is none that can be read. */
  async read(place: ShardPlace): Promise<ShardRecord | undefined> {
    const name = nameOf(place);
    try {
      const text = await readText(join(this.#folder.finished, recordName(name)), 'a record', maximumRecordBytes);
      const parsed = recordSchema.safeParse(JSON.parse(text));
      return parsed.success && parsed.data.shard === name ? parsed.data : undefined;
    } catch (error) {
      if (error instanceof DataError || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** Makes a shard one that is not done. */
  async remove(place: ShardPlace): Promise<void> {
    const { directory, finished, checksums } = this.#folder;
    // The record first: without the shard, it would count for nothing.
    for (const file of [checksums, join(finished, recordName(nameOf(place))), join(directory, nameOf(place))]) {
      await fs.rm(file, { force: true });
    }
  }

  /** Writes the checksums of all shards, once all of them are done, and returns all records. */
  async complete(configuration: ShardConfiguration): Promise<ShardRecord[]> {
    const records: ShardRecord[] = [];
    for (const place of shardPlaces(configuration)) {
      const record = await this.read(place);
      if (record) records.push(record);
    }
    if (records.length === shardCount(configuration) && !(await isThere(this.#folder.checksums))) {
      const lines = records.map(({ sha256, shard }) => `${sha256}  ${shard}\n`);
      await writeWhole(this.#folder.checksums, lines.join(''));
    }
    return records;
  }
}

/** `codes-000-00012.safetensors` has the record `000-00012.json`. */
const recordName = (shard: string): string => shard.replace(/^codes-(.*)\.safetensors$/, '$1.json');

async function isThere(file: string): Promise<boolean> {
  return (await fs.stat(file).catch(() => undefined)) !== undefined;
}
