/**
 * Readers of files that may come from anywhere, by name. Each reads what the path names as far as a
 * user's first call does, and says what came of it.
 */
export const hostileReaders = {
  safetensors: async (path: string): Promise<string> => {
    const { openSafetensors } = await import('@vitvq/checkpoint');
    const opened = await openSafetensors(path);
    await opened.close();
    return `${opened.entries.length} tensors`;
  },
  index: async (path: string): Promise<string> => {
    const { openShardedSafetensors } = await import('@vitvq/checkpoint');
    const opened = await openShardedSafetensors(path);
    await opened.close();
    return `${opened.entries.length} tensors`;
  },
  model: async (path: string): Promise<string> => {
    const { openModel } = await import('@vitvq/checkpoint');
    const opened = await openModel(path);
    await opened.close();
    return `a model of type ${opened.type}`;
  },
  checkpoint: async (path: string): Promise<string> => {
    const { readCheckpointState } = await import('@vitvq/checkpoint');
    return `step ${(await readCheckpointState(path)).step}`;
  },
  pytorch: async (path: string): Promise<string> => {
    const { openPyTorchCheckpoint } = await import('@vitvq/checkpoint');
    const opened = await openPyTorchCheckpoint(path);
    await opened.close();
    return `${opened.entries.length} tensors`;
  },
  flax: async (path: string): Promise<string> => {
    const { openFlaxCheckpoint } = await import('@vitvq/checkpoint');
    const opened = await openFlaxCheckpoint(path);
    await opened.close();
    return `${opened.entries.length} tensors`;
  },
  tokenizer: async (path: string): Promise<string> => {
    const { readTextTokenizer } = await import('@vitvq/transformers/node');
    const tokenizer = await readTextTokenizer(path);
    const tokens = tokenizer.encode(`${'a'.repeat(1000)}! And some words`);
    return `${tokenizer.vocabSize} tokens, ${tokens.length} of a prompt`;
  },
  images: async (path: string): Promise<string> => {
    const { openImageFolder, readImages } = await import('@vitvq/data');
    const source = await openImageFolder(path, { strict: true });
    const { shape } = await readImages(source, { imageSize: 64 });
    return `${shape[0]} image`;
  },
  cifar10: async (path: string): Promise<string> => {
    const { openCifar10 } = await import('@vitvq/data');
    // Where the archive is refused, the data set would be fetched.
    globalThis.fetch = () => Promise.reject(new Error('no network here'));
    await openCifar10({ split: 'test', cacheDirectory: path, source: 'official' });
    return 'the data set';
  },
  codes: async (path: string): Promise<string> => {
    const { openCodes } = await import('@vitvq/codes');
    const source = await openCodes(path);
    return `${source.length} images`;
  },
  metrics: async (path: string): Promise<string> => {
    const { readTrainingLog } = await import('@vitvq/training');
    return `${(await readTrainingLog(path)).length} lines`;
  },
} satisfies Record<string, (path: string) => Promise<string>>;

/** Name of a reader. */
export type ReaderName = keyof typeof hostileReaders;
