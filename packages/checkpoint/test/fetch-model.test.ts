import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { fetchModel, openModel, writeModel, type FetchModelOptions } from '../src/index.js';

/** A hub that tells the commit and the checksums of large files, and redirects to send them. */
const commit = 'a'.repeat(40);
const requests: string[] = [];
let server: Server;
let endpoint: string;
let folder: string;
let cacheDirectory: string;
let tellsCommit = true;
let damages = false;

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = request.url ?? '';
    requests.push(url);
    const answer = async (): Promise<void> => {
      const [, kind, file = ''] =
        /^\/(?:owner\/name\/resolve\/(?:main|v1|a{40})|(elsewhere))\/([\w.-]+)$/.exec(url) ?? [];
      const content = await fs.readFile(join(folder, file)).catch(() => undefined);
      if (!content || file === '') {
        response.writeHead(404).end();
      } else if (kind === undefined && file.endsWith('.safetensors')) {
        response.writeHead(302, {
          location: `/elsewhere/${file}`,
          'x-linked-etag': `"${createHash('sha256').update(content).digest('hex')}"`,
          ...(tellsCommit && { 'x-repo-commit': commit }),
        });
        response.end();
      } else {
        if (damages) content[content.length - 1]! ^= 1;
        response.writeHead(200, kind === undefined && tellsCommit ? { 'x-repo-commit': commit } : {}).end(content);
      }
    };
    void answer();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(() => server.close());

const tensors = new Map([
  ['a', { shape: [2], data: Float32Array.of(1, 2) }],
  ['b', { shape: [3], data: Float32Array.of(3, 4, 5) }],
]);

it.beforeEach(async ({ temporaryFolder }) => {
  folder = join(temporaryFolder, 'hub');
  cacheDirectory = join(temporaryFolder, 'cache');
  tellsCommit = true;
  damages = false;
  await writeModel(folder, { type: 'vq-tokenizer', config: { size: 1 } }, tensors);
  requests.length = 0;
});

const get = (repository = 'owner/name', options: Partial<FetchModelOptions> = {}): Promise<string> =>
  fetchModel(repository, { cacheDirectory, endpoint, ...options });

async function valuesOf(path: string): Promise<number[]> {
  const opened = await openModel(path);
  const values: number[] = [];
  for (const entry of opened.entries) values.push(...(await opened.read(entry)).data);
  await opened.close();
  return values;
}

describe('fetchModel', () => {
  it('downloads a model once', async () => {
    const path = await get();
    expect(path).toBe(join(cacheDirectory, 'models', 'owner--name', commit));
    expect(await valuesOf(path)).toEqual([1, 2, 3, 4, 5]);
    expect(requests).toEqual([
      '/owner/name/resolve/main/config.json',
      `/owner/name/resolve/${commit}/model.safetensors`,
      '/elsewhere/model.safetensors',
    ]);
    requests.length = 0;
    expect(await get()).toBe(path);
    expect(requests).toEqual(['/owner/name/resolve/main/config.json']);
    // A commit does not change, so the hub is not asked.
    expect(await get(`owner/name@${commit}`)).toBe(path);
    expect(await get('owner/name', { revision: commit })).toBe(path);
    expect(requests).toHaveLength(1);
  });

  it('tells how far it is', async () => {
    const last = new Map<string, number[]>();
    await get('owner/name', {
      onProgress: ({ url, bytes, totalBytes }) => void last.set(url.split('/').at(-1)!, [bytes, totalBytes ?? -1]),
    });
    const { size } = await fs.stat(join(folder, 'model.safetensors'));
    expect(last.get('model.safetensors')![0]).toBe(size);
    expect([...last.keys()]).toEqual(['config.json', 'model.safetensors']);
  });

  it('downloads several files', async () => {
    await writeModel(folder, { type: 'gpt', config: {} }, tensors, { maximumShardBytes: 8 });
    expect(await valuesOf(await get('owner/name@v1'))).toEqual([1, 2, 3, 4, 5]);
    expect(requests.filter((url) => url.startsWith('/elsewhere'))).toHaveLength(2);
  });

  it('fetches again what was damaged in the cache', async () => {
    const file = join(await get(), 'model.safetensors');
    const bytes = await fs.readFile(file);
    await fs.writeFile(file, bytes.subarray(0, -1));
    expect(await valuesOf(await get())).toEqual([1, 2, 3, 4, 5]);
    await fs.rm(file);
    expect(await valuesOf(await get())).toEqual([1, 2, 3, 4, 5]);
  });

  it('takes what it has when there is no network', async () => {
    const path = await get();
    const fetch = (): Promise<Response> =>
      Promise.reject(new TypeError('fetch failed', { cause: new Error('ENOTFOUND') }));
    expect(await get('owner/name', { fetch })).toBe(path);
    await expect(get('owner/other', { fetch })).rejects.toThrow(
      'owner/other/resolve/main/config.json: expected the server to answer, got fetch failed: ENOTFOUND.',
    );
    await expect(get('owner/name@v1', { fetch })).rejects.toThrow(DataError);
    await fs.rm(join(path, 'model.safetensors'));
    await expect(get('owner/name', { fetch })).rejects.toThrow(DataError);
  });

  it('asks every time where the hub tells no commit', async () => {
    tellsCommit = false;
    const path = await get();
    expect(path).toBe(join(cacheDirectory, 'models', 'owner--name', 'main'));
    await writeModel(
      folder,
      { type: 'vq-tokenizer', config: {} },
      new Map([['a', { shape: [1], data: Float32Array.of(7) }]]),
    );
    expect(await valuesOf(await get())).toEqual([7]);
  });

  it('keeps nothing that is not what the hub says', async () => {
    damages = true;
    await expect(get()).rejects.toThrow(
      /model\.safetensors: expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}\. The file was cut off/,
    );
    const kept = await fs.readdir(join(cacheDirectory, 'models', 'owner--name', commit));
    expect(kept).toEqual(['config.json']);
    damages = false;
    expect(await valuesOf(await get())).toEqual([1, 2, 3, 4, 5]);
  });

  it('refuses what is not there', async () => {
    await expect(get('owner/none')).rejects.toThrow(
      'owner/none/resolve/main/config.json: expected the server to send the file',
    );
    await fs.rm(join(folder, 'model.safetensors'));
    await expect(get()).rejects.toThrow(
      'model.safetensors.index.json: expected the server to send the file, got status 404.',
    );
  });

  it('refuses redirections without end', async () => {
    const fetch = (): Promise<Response> =>
      Promise.resolve(new Response(null, { status: 302, headers: { location: '/x' } }));
    await expect(get('owner/name', { fetch })).rejects.toThrow('expected at most 5 redirections, got more.');
  });

  it('refuses redirections from https to anything else', async () => {
    for (const location of ['http://localhost/x', 'file:///etc/passwd', 'data:,x']) {
      const fetch = (): Promise<Response> =>
        Promise.resolve(new Response(null, { status: 302, headers: { location } }));
      await expect(get('owner/name', { fetch, endpoint: 'https://localhost' })).rejects.toThrow('that stay with https');
    }
  });

  it.each([
    'name',
    'owner/../name',
    'owner/..',
    '../name',
    '/owner/name',
    'owner/name/more',
    'owner/name@v1@v2',
    'owner/na me',
    '',
  ])('refuses the name %j', async (name) => {
    await expect(get(name)).rejects.toThrow(ConfigError);
    expect(requests).toEqual([]);
  });

  it('refuses revisions and endpoints that cannot be', async () => {
    for (const revision of ['../x', 'a/../b', '', '/x', 'a\\b']) {
      await expect(get('owner/name', { revision })).rejects.toThrow('revision to be a branch, tag or commit');
    }
    await expect(get('owner/name', { endpoint: 'file:///etc' })).rejects.toThrow('endpoint to be an address');
  });
});
