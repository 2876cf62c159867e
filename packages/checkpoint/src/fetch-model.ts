import { promises as fs } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkOptions, ConfigError, DataError, type OptionTable } from '@vitvq/core';
import {
  createFolder,
  readText,
  receive,
  sha256OfFile,
  writeAtomically,
  writeWhole,
  type DownloadProgress,
} from '@vitvq/files';
import { commitName, NotSentError, requestFromHub, unreachable, type HubAnswer } from './internal/hub-request.js';
import { configName, indexName, singleName } from './internal/model-names.js';
import { readShardIndex } from './internal/read-shard-index.js';
import { quote } from './internal/scan-json.js';

/** Options of {@link fetchModel}. */
export interface FetchModelOptions {
  /** Branch, tag or commit. A commit that is in the cache needs no network. @default 'main' */
  readonly revision?: string;
  /**
   * Folder that keeps downloads, such as `defaultCacheDirectory()` of @vitvq/files. It is created
   * when it is missing.
   */
  readonly cacheDirectory: string;
  /** Address of a model hub with the paths of Hugging Face. @default 'https://huggingface.co' */
  readonly endpoint?: string;
  /** Makes the requests, for example through a proxy or with a token. @default globalThis.fetch */
  readonly fetch?: typeof globalThis.fetch;
  /** Called after each piece of a file. @default does nothing */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

const fetchModelOptionNames: OptionTable<FetchModelOptions> = {
  cacheDirectory: 'required',
  revision: 'optional',
  endpoint: 'optional',
  fetch: 'optional',
  onProgress: 'optional',
};

/**
 * File that lists the files of a cached folder as `sha256sum` does. It is written last, so that a
 * folder without it is not complete.
 */
const sumsName = 'SHA256SUMS';

/** Largest number of bytes of config.json and of an index. */
const maximumTextBytes = 100_000_000;

const repositoryName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;
const revisionName = /^[A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)*$/;

/**
 * Downloads a model of a hub (config.json and its safetensors files) into the cache and returns its
 * folder, which `openModel` takes. A file whose SHA-256 the hub tells (every file that it stores as
 * a large one) is compared with it. Files in the cache are compared with their SHA-256 at the time
 * of the download, on every call, and downloaded again where they differ. Without network, a
 * revision that was downloaded before is used as it was then. Memory holds one piece of a file at a
 * time.
 * @param repository  `owner/name`, or `owner/name@revision`
 * @throws {ConfigError} for a name or an option that cannot be one
 * @throws {DataError} naming the address and the problem: no network, no such model, another
 *   checksum
 */
export async function fetchModel(repository: string, options: FetchModelOptions): Promise<string> {
  const {
    revision: revisionOption,
    cacheDirectory,
    endpoint = 'https://huggingface.co',
    fetch = globalThis.fetch,
    onProgress = () => undefined,
  } = checkOptions(options, fetchModelOptionNames, 'fetchModel');
  const [name = '', inName, ...rest] = String(repository).split('@');
  const revision = inName ?? revisionOption ?? 'main';
  assertName('a repository owner/name', name, rest.length === 0 && repositoryName.test(name));
  assertName('revision to be a branch, tag or commit', revision, revisionName.test(revision));
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new ConfigError({ where: 'fetchModel', expected: 'endpoint to be an address', got: quote(endpoint) });
  }
  const models = join(cacheDirectory, 'models', name.replace('/', '--'));
  if (commitName.test(revision) && (await isIntact(join(models, revision)))) return join(models, revision);

  const address = (version: string, file: string): string =>
    `${endpoint.replace(/\/$/, '')}/${name}/resolve/${encodeURIComponent(version)}/${file}`;
  // Keeps the commit that a branch stood for, which is used when there is no network.
  const reference = join(models, 'refs', `${revision.replaceAll('/', '--')}`);
  let first: HubAnswer;
  try {
    first = await requestFromHub(fetch, address(revision, configName));
  } catch (error) {
    const known = await readText(reference, 'a reference', maximumTextBytes).catch(() => undefined);
    if (known !== undefined && commitName.test(known) && (await isIntact(join(models, known))))
      return join(models, known);
    throw error;
  }
  const version = first.commit ?? revision;
  const folder = join(models, version.replaceAll('/', '--'));
  // Without a commit nobody knows whether the cache still holds what the hub has.
  if (first.commit !== undefined && (await isIntact(folder))) await first.body.cancel();
  else await download(folder, first, (file) => requestFromHub(fetch, address(version, file)), onProgress);
  if (first.commit !== undefined) await writeText(reference, first.commit);
  return folder;
}

/** Refuses names that are not safe as parts of paths. @throws {ConfigError} */
function assertName(expected: string, got: string, isRight: boolean): void {
  if (isRight && !got.includes('..')) return;
  throw new ConfigError({ where: 'fetchModel', expected, got: quote(got) });
}

/** Downloads all files of a model into a folder. The answer for config.json is there already. */
async function download(
  folder: string,
  config: HubAnswer,
  request: (file: string) => Promise<HubAnswer>,
  onProgress: (progress: DownloadProgress) => void,
): Promise<void> {
  await createFolder(folder);
  // An earlier download into this folder may have had other files.
  for (const old of [sumsName, singleName, indexName]) await fs.rm(join(folder, old), { force: true });
  const sums = new Map<string, string>();
  const keep = async (file: string, answer: HubAnswer, maximumBytes = Infinity): Promise<void> => {
    sums.set(file, await store(join(folder, file), answer, maximumBytes, onProgress));
  };
  await keep(configName, config, maximumTextBytes);
  try {
    await keep(singleName, await request(singleName));
  } catch (error) {
    if (!(error instanceof NotSentError) || error.status !== 404) throw error;
    await keep(indexName, await request(indexName), maximumTextBytes);
    const { shardOf } = await readShardIndex(join(folder, indexName));
    for (const shard of new Set(shardOf.values())) await keep(shard, await request(shard));
  }
  await writeText(join(folder, sumsName), [...sums].map(([file, sum]) => `${sum}  ${file}\n`).join(''));
}

/** Writes what a server sends and returns its SHA-256. */
async function store(
  file: string,
  { url, body, bytes, sha256: expected }: HubAnswer,
  maximumBytes: number,
  onProgress: (progress: DownloadProgress) => void,
): Promise<string> {
  let got = '';
  const onBytes = (received: number): void => {
    if (received > maximumBytes) {
      throw new DataError({ where: url, expected: `at most ${maximumBytes} bytes`, got: 'more' });
    }
    onProgress({ url, bytes: received, totalBytes: bytes });
  };
  await writeAtomically(file, async (output) => {
    try {
      got = (await receive(body, output, onBytes)).sha256;
    } catch (error) {
      throw error instanceof DataError ? error : unreachable(url, error);
    }
    if (expected !== undefined && got !== expected) {
      const fix = 'The file was cut off or changed on its way. Nothing was kept.';
      throw new DataError({ where: url, expected: `SHA-256 ${expected}`, got, fix });
    }
  });
  return got;
}

/** Returns whether a folder of the cache is complete and its files are unchanged. */
async function isIntact(folder: string): Promise<boolean> {
  const sums = await readText(join(folder, sumsName), 'a list of checksums', maximumTextBytes).catch(() => '');
  const lines = sums.split('\n').filter(Boolean);
  for (const line of lines) {
    const [expected = '', file = ''] = line.split('  ');
    if (!/^[^/\\\0]+$/.test(file) || (await sha256OfFile(join(folder, file))) !== expected) return false;
  }
  return lines.length > 0;
}

async function writeText(file: string, text: string): Promise<void> {
  await createFolder(dirname(file));
  await writeWhole(file, text);
}
