import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import { ConfigError, DataError, foldIn, randomKey, randomUniform, type HostTensor } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { LPIPS, lpipsReferenceWeights } from '@vitvq/losses';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { loadLPIPS } from '../src/index.js';

const options = { channels: [2, 3, 2, 3, 2] } as const;

/** By PyTorch's names and in its layouts, all different. */
function referenceWeights(): Map<string, HostTensor> {
  const lpips = new LPIPS(options);
  const variables = lpips.namedVariables();
  const weights = lpipsReferenceWeights().map(({ name, referenceName, toReference }, index): [string, HostTensor] => {
    const { shape, size } = variables.get(name)!;
    return [referenceName, toReference({ shape, data: randomUniform(foldIn(randomKey(1), index), size, 0.1, 1) })];
  });
  lpips.dispose();
  return new Map(weights);
}

const isLinear = (name: string): boolean => name.startsWith('lin');
const only = <T>(map: ReadonlyMap<string, T>, keep: (name: string) => boolean): Map<string, T> =>
  new Map([...map].filter(([name]) => keep(name)));
const torchvisionName = (name: string): string => name.replace(/^net\.slice\d/, 'features');

let directory: string;
beforeAll(() => useEngine({ name: 'cpu' }));
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-lpips-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function write(name: string, weights: ReadonlyMap<string, HostTensor>): Promise<string> {
  const file = join(directory, name);
  await writeSafetensors(file, weights);
  return file;
}

/** The variables of a loaded one, by PyTorch's names. */
function contentOf(lpips: LPIPS): Map<string, HostTensor> {
  const variables = lpips.namedVariables();
  return new Map(
    lpipsReferenceWeights().map(({ name, referenceName, toReference }) => {
      const variable = variables.get(name)!;
      return [referenceName, toReference({ shape: variable.shape, data: variable.dataSync<'float32'>() })];
    }),
  );
}

describe('loadLPIPS', () => {
  it("reads the lpips package's names, also listed twice", async () => {
    const weights = referenceWeights();
    const twice = new Map([...weights, ['lins.3.model.1.weight', weights.get('lin3.model.1.weight')!]]);
    for (const content of [weights, twice]) {
      const lpips = await loadLPIPS(await write('lpips.safetensors', content), options);
      expect(lpips.loaded).toBe(true);
      expect(contentOf(lpips)).toEqual(weights);
      const images = tf.zeros<tf.Rank.R4>([1, 16, 16, 3]);
      expect(lpips.distance(images, images)).toBeAllClose([0]);
      lpips.dispose();
    }
  });

  it("reads torchvision's VGG16, classifier and all, with the linear layers in a second file; scaling is a constant", async () => {
    const weights = referenceWeights();
    const features = only(weights, (name) => name.startsWith('net.'));
    const vgg = new Map([...features].map(([name, value]) => [torchvisionName(name), value]));
    vgg.set('classifier.0.weight', { shape: [2, 2], data: new Float32Array(4) });
    const files = [await write('vgg16.safetensors', vgg), await write('linear.safetensors', only(weights, isLinear))];
    const lpips = await loadLPIPS(files, options);
    const content = contentOf(lpips);
    expect(only(content, (name) => !name.startsWith('scaling'))).toEqual(
      only(weights, (name) => !name.startsWith('scaling')),
    );
    expect([...content.get('scaling_layer.shift')!.data]).toBeAllClose([-0.03, -0.088, -0.188]);
    expect([...content.get('scaling_layer.scale')!.data]).toBeAllClose([0.458, 0.448, 0.45]);
    lpips.dispose();
  });

  it('refuses weights of another network with everything that is wrong with them', async () => {
    const weights = referenceWeights();
    weights.delete('net.slice5.28.bias');
    weights.delete('lin2.model.1.weight');
    weights.set('lin4.model.1.weight', { shape: [1, 5, 1, 1], data: new Float32Array(5) });
    weights.set('features.34.weight', { shape: [1], data: new Float32Array(1) });
    weights.set('lin5.model.1.weight', { shape: [1, 1, 1, 1], data: new Float32Array(1) });
    weights.set('features.0.bias', { shape: [2], data: new Float32Array(2) });
    const file = await write('vgg19.safetensors', weights);
    const loading = loadLPIPS(file, options);
    await expect(loading).rejects.toThrow(DataError);
    await expect(loading).rejects.toThrow(
      `${file}: expected the 33 weights of LPIPS on VGG16, got ` +
        'missing: net.slice5.28.bias, lin2.model.1.weight; ' +
        'unexpected: features.34.weight, lin5.model.1.weight; ' +
        'wrong shape: lin4.model.1.weight [1, 5, 1, 1] instead of [1, 2, 1, 1]; ' +
        'more than once: features.0.bias. ' +
        'Give the state dict of the Python package lpips, LPIPS(net="vgg"), as a safetensors file, or two files: ',
    );
  });

  it('refuses a file that is cut off or missing, and leaves no tensors behind', async () => {
    const file = await write('lpips.safetensors', referenceWeights());
    await truncate(file, 2000);
    await expect(loadLPIPS(file, options)).rejects.toThrow(DataError);
    await expect(loadLPIPS(file, options)).rejects.toThrow(file);
    await expect(loadLPIPS(join(directory, 'none'), options)).rejects.toThrow('no such file or directory');
    const before = tf.memory().numTensors;
    await expect(loadLPIPS(file, options)).rejects.toThrow(DataError);
    expect(tf.memory().numTensors).toBe(before);
    expectNoTensorLeak(() => new LPIPS(options).dispose());
  });
});

describe('loadLPIPS from a URL', () => {
  const bytes = encodeSafetensors(referenceWeights());
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  let server: Server;
  let url: string;
  let requests: number;
  let answer: RequestListener;
  beforeEach(async () => {
    requests = 0;
    answer = (_request, response) => response.end(bytes);
    server = createServer((request, response) => {
      requests++;
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/lpips.safetensors`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const cached = (): Promise<string[]> => readdir(join(directory, 'cache', 'lpips'));
  const load = (checksum = sha256): Promise<LPIPS> =>
    loadLPIPS({ url, sha256: checksum, cacheDirectory: join(directory, 'cache') }, options);

  it('downloads once, then reads the file that it kept', async () => {
    (await load()).dispose();
    const lpips = await load(sha256.toUpperCase());
    expect(contentOf(lpips)).toEqual(referenceWeights());
    expect(requests).toBe(1);
    expect(await cached()).toEqual([`${sha256}.safetensors`]);
    lpips.dispose();
  });

  it('fetches again what was damaged in the cache, and clears away downloads that were killed', async () => {
    (await load()).dispose();
    const folder = join(directory, 'cache', 'lpips');
    await truncate(join(folder, `${sha256}.safetensors`), 100);
    const [killed, running] = ['.old.0123456789ab.tmp', '.recent.0123456789ab.tmp'];
    for (const name of [killed, running]) await writeFile(join(folder, name), '');
    await utimes(join(folder, killed), 0, 0);
    (await load()).dispose();
    expect(requests).toBe(2);
    expect(await cached()).toEqual([running, `${sha256}.safetensors`]);
    expect(new Uint8Array(await readFile(join(folder, `${sha256}.safetensors`)))).toEqual(bytes);
  });

  it('refuses another checksum, naming both, and keeps nothing', async () => {
    const other = 'ab'.repeat(32);
    await expect(load(other)).rejects.toThrow(DataError);
    await expect(load(other)).rejects.toThrow(`${url}: expected a file with SHA-256 ${other}, got ${sha256}.`);
    expect(await cached()).toEqual([]);
  });

  it('refuses a download that breaks off, and keeps nothing', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 1000), () => response.destroy());
    };
    await expect(load()).rejects.toThrow(DataError);
    await expect(load()).rejects.toThrow(`${url}: expected to download it to`);
    expect(await cached()).toEqual([]);
  });

  it('says what the server answered, or that there is none', async () => {
    answer = (_request, response) => response.writeHead(404).end();
    await expect(load()).rejects.toThrow(`${url}: expected the server to send the file, got status 404 Not Found.`);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(load()).rejects.toThrow('fetch failed');
  });

  it('refuses addresses and checksums that cannot be', async () => {
    const cacheDirectory = directory;
    await expect(loadLPIPS({ url, sha256: 'abc', cacheDirectory })).rejects.toThrow(ConfigError);
    await expect(loadLPIPS({ url, sha256: 'abc', cacheDirectory })).rejects.toThrow(
      'loadLPIPS: expected sha256 of 64 hexadecimal digits, got "abc".',
    );
    await expect(loadLPIPS({ url: 'file:///etc/passwd', sha256, cacheDirectory })).rejects.toThrow(
      'loadLPIPS: expected url to begin with https://, got "file:///etc/passwd".',
    );
    expect(requests).toBe(0);
  });
});
