import { promises as fs } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { receive, sha256OfFile, writeAtomically, writeWhole } from '@vitvq/files';
import { quote } from './internal/scan-json.js';
import { readShardIndex } from './internal/shard-index.js';
import { configName, indexName, singleName } from './internal/model-names.js';

/** Options of {@link fetchModel}. */
export interface FetchModelOptions {
  /** Branch, tag or commit. A commit in the cache needs no network. @default 'main' */
  readonly revision?: string;
  /**
   * Directory for downloaded files, which is created when it does not exist.
   * `defaultCacheDirectory()` of @vitvq/files returns a suitable one.
   */
  readonly cacheDirectory: string;
  /** A model hub with the URL layout of Hugging Face. @default 'https://huggingface.co' */
  readonly endpoint?: string;
  /** Makes the requests, for example through a proxy or with a token. @default the platform's */
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * Name of the file that lists the files of a cache folder with their sums, as `sha256sum` prints
 * them. It is written last, so a folder without it is not complete.
 */
const sumsName = 'SHA256SUMS';

const maximumRedirects = 5;
/** Largest size of config.json and of an index. */
const maximumTextBytes = 100_000_000;

const repositoryName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;
const revisionName = /^[A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)*$/;
const commitName = /^[0-9a-f]{40}$/;
const sha256 = /^[0-9a-f]{64}$/;

/**
 * Downloads a model of a hub (config.json and its safetensors files) into the cache, and returns
 * the model's folder for `openModel`. A file whose SHA-256 the hub publishes (every file that the
 * hub stores as a large file) is compared with that sum. Cached files are compared with their
 * recorded sums at every call, and are fetched again when they differ. Without network, the cached
 * copy of a revision is used. Memory holds one piece of a file at a time.
 * @param repository  `owner/name`, or `owner/name@revision`
 * @throws {ConfigError} for an invalid name or option
 * @throws {DataError} naming the address and the problem: no network, no such model, or a different
 *   checksum
 */
export async function fetchModel(
  repository: string,
  {
    revision: revisionOption,
    cacheDirectory,
    endpoint = 'https://huggingface.co',
    fetch = globalThis.fetch,
  }: FetchModelOptions,
): Promise<string> {
  const [name = '', inName, ...rest] = repository.split('@');
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
  // Records the commit that a branch stood for, for later calls without network.
  const reference = join(models, 'refs', `${revision.replaceAll('/', '--')}`);
  let first: Answer;
  try {
    first = await request(fetch, address(revision, configName));
  } catch (error) {
    const known = await fs.readFile(reference, 'utf8').catch(() => undefined);
    if (known !== undefined && commitName.test(known) && (await isIntact(join(models, known))))
      return join(models, known);
    throw error;
  }
  const version = first.commit ?? revision;
  const folder = join(models, version.replaceAll('/', '--'));
  // Without a commit, it is unknown whether the cached files are still those of the hub.
  if (first.commit !== undefined && (await isIntact(folder))) await first.body.cancel();
  else await download(fetch, folder, first, (file) => address(version, file));
  if (first.commit !== undefined) await writeText(reference, first.commit);
  return folder;
}

function assertName(expected: string, got: string, isRight: boolean): void {
  // Names become parts of paths.
  if (isRight && !got.includes('..')) return;
  throw new ConfigError({ where: 'fetchModel', expected, got: quote(got) });
}

interface Answer {
  readonly url: string;
  readonly body: ReadableStream<Uint8Array>;
  /** SHA-256 of the content, if the hub publishes it. */
  readonly sha256: string | undefined;
  readonly commit: string | undefined;
}

/**
 * Requests a file and follows redirections itself, because the hub sends the checksum and the
 * commit in the headers of the redirecting answer.
 */
async function request(fetch: typeof globalThis.fetch, url: string): Promise<Answer> {
  let checksum: string | undefined;
  let commit: string | undefined;
  let at = url;
  for (let redirects = 0; redirects <= maximumRedirects; redirects++) {
    let response: Response;
    try {
      response = await fetch(at, { redirect: 'manual' });
    } catch (error) {
      throw unreachable(url, error);
    }
    const { headers, status, body } = response;
    const etag = headers.get('x-linked-etag')?.replace(/^W\//, '').replaceAll('"', '');
    if (etag !== undefined && sha256.test(etag)) checksum ??= etag;
    const told = headers.get('x-repo-commit') ?? '';
    if (commitName.test(told)) commit ??= told;
    const location = headers.get('location');
    if (status >= 300 && status < 400 && location !== null && URL.canParse(location, at)) {
      await body?.cancel();
      const next = new URL(location, at);
      if (next.protocol !== 'https:' && next.protocol !== new URL(at).protocol) {
        throw new DataError({ where: url, expected: 'redirections that stay with https', got: quote(next.href) });
      }
      at = next.href;
      continue;
    }
    if (response.ok && body) return { url, body, sha256: checksum, commit };
    await body?.cancel();
    throw new NotSent(url, status);
  }
  throw new DataError({ where: url, expected: `at most ${maximumRedirects} redirections`, got: 'more' });
}

/** Reports a server that answers without the file. */
class NotSent extends DataError {
  constructor(
    url: string,
    readonly status: number,
  ) {
    super({
      where: url,
      expected: 'the server to send the file',
      got: `status ${status}`,
      fix:
        status === 401 || status === 403
          ? 'It is private, asks for a licence to be accepted, or is not there.'
          : undefined,
    });
  }
}

function unreachable(url: string, error: unknown): DataError {
  const { message, cause } = error as Error;
  return new DataError(
    {
      where: url,
      expected: 'the server to answer',
      got: cause instanceof Error ? `${message}: ${cause.message}` : message,
      fix: 'Without network, openModel takes a folder that you have.',
    },
    { cause: error },
  );
}

async function download(
  fetch: typeof globalThis.fetch,
  folder: string,
  config: Answer,
  address: (file: string) => string,
): Promise<void> {
  await fs.mkdir(folder, { recursive: true });
  // An earlier download into this folder may have had other files.
  for (const old of [sumsName, singleName, indexName]) await fs.rm(join(folder, old), { force: true });
  const sums = new Map<string, string>();
  const keep = async (file: string, answer: Answer, maximumBytes = Infinity): Promise<void> => {
    sums.set(file, await store(join(folder, file), answer, maximumBytes));
  };
  await keep(configName, config, maximumTextBytes);
  try {
    await keep(singleName, await request(fetch, address(singleName)));
  } catch (error) {
    if (!(error instanceof NotSent) || error.status !== 404) throw error;
    await keep(indexName, await request(fetch, address(indexName)), maximumTextBytes);
    const { shardOf } = await readShardIndex(join(folder, indexName));
    for (const shard of new Set(shardOf.values())) await keep(shard, await request(fetch, address(shard)));
  }
  await writeText(join(folder, sumsName), [...sums].map(([file, sum]) => `${sum}  ${file}\n`).join(''));
}

/** Writes the body of an answer to a file and returns its SHA-256. */
async function store(file: string, { url, body, sha256: expected }: Answer, maximumBytes: number): Promise<string> {
  let got = '';
  const assertBytes = (bytes: number): void => {
    if (bytes > maximumBytes) {
      throw new DataError({ where: url, expected: `at most ${maximumBytes} bytes`, got: 'more' });
    }
  };
  await writeAtomically(file, async (output) => {
    try {
      got = (await receive(body, output, assertBytes)).sha256;
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

/** Returns whether a cache folder is complete and its files match their recorded sums. */
async function isIntact(folder: string): Promise<boolean> {
  const sums = await fs.readFile(join(folder, sumsName), 'utf8').catch(() => '');
  const lines = sums.split('\n').filter(Boolean);
  for (const line of lines) {
    const [expected = '', file = ''] = line.split('  ');
    if (!/^[^/\\\0]+$/.test(file) || (await sha256OfFile(join(folder, file))) !== expected) return false;
  }
  return lines.length > 0;
}

async function writeText(file: string, text: string): Promise<void> {
  await fs.mkdir(dirname(file), { recursive: true });
  await writeWhole(file, text);
}
