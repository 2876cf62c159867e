import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DataError } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  openFlaxCheckpoint,
  openModel,
  openPyTorchCheckpoint,
  openSafetensors,
  openShardedSafetensors,
  openWeights,
  restoreCheckpoint,
} from '../src/index.js';
import { bytesOf, dictionary, legacyCheckpoint, tensor, zipCheckpoint } from './build-pytorch.js';

const safetensors = encodeSafetensors(new Map([['w', { shape: [1], data: Float32Array.of(1) }]]));
const value = dictionary({ w: tensor({ length: 1, shape: [1] }) });
const one = Float32Array.of(1);
const zip = zipCheckpoint(value, { 0: one });
const legacy = legacyCheckpoint(value, { 0: [1, one] });

/** Files that are something else, by what errors call them. */
const others: readonly [string, string | Uint8Array, string][] = [
  [
    'a pointer of Git LFS',
    `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 91\n`,
    'a pointer of Git LFS, which stands for the file. Run git lfs pull in its repository, or download the file itself.',
  ],
  [
    'a web page',
    '\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>',
    'a web page. Download it again',
  ],
  ['a page without a head', '\ufeff<HTML><body>404</body></HTML>', 'a web page. Download it again'],
  ['a page of XHTML', '<?xml version="1.0"?>\n<html xmlns="x"></html>', 'a web page. Download it again'],
  ['gzip', gzipSync(safetensors), 'a file compressed by gzip. Unpack it first, with gunzip'],
  ['xz', bytesOf(`\xfd7zXZ\0${'\x01'.repeat(50)}`), 'a file compressed by xz. Unpack it first.'],
  ['bzip2', bytesOf(`BZh91AY${'\x01'.repeat(50)}`), 'a file compressed by bzip2. Unpack it first.'],
  ['tar', bytesOf(`w.bin${'\0'.repeat(252)}ustar${'\0'.repeat(250)}`), 'a tar archive. Unpack it'],
  ['Keras', bytesOf(`\x89HDF\r\n\x1a\n${'\0'.repeat(50)}`), 'a file of HDF5, as Keras writes. Save the weights as'],
  ['numpy', bytesOf(`\x93NUMPY\x01\0${'\x01'.repeat(50)}`), 'an array of numpy.'],
  ['an image', bytesOf(`\xff\xd8\xff\xe0${'\x01'.repeat(50)}`), 'an image.'],
  ['zeros', new Uint8Array(4096), 'a file that begins with zeros. It is not complete.'],
  ['a text', 'Entry not found', 'a text, "Entry not found". Download it again'],
];

describe('a file that is something else is called what it is', () => {
  it.for(others)('%s', async ([, content, what], { temporaryFolder: folder }) => {
    // The ending of the name says nothing.
    const file = join(folder, 'WEIGHTS.SAFETENSORS');
    writeFileSync(file, content);
    for (const open of [openWeights, openSafetensors, openPyTorchCheckpoint]) {
      await expect(open(file)).rejects.toThrow(DataError);
      await expect(open(file)).rejects.toThrow(`got ${what}`);
    }
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    expect(() => decodeSafetensors(bytes)).toThrow(`got ${what}`);
    const checkpoint = join(folder, 'checkpoint-00000001.safetensors');
    writeFileSync(checkpoint, content);
    await expect(restoreCheckpoint(checkpoint, new Map())).rejects.toThrow(`got ${what}`);
  });

  it.for(others.filter(([name]) => name !== 'zeros' && name !== 'a text'))(
    '%s instead of a text in JSON',
    async ([, content, what], { temporaryFolder: folder }) => {
      const index = join(folder, 'model.safetensors.index.json');
      writeFileSync(index, content);
      await expect(openShardedSafetensors(index)).rejects.toThrow(`in JSON, got ${what}`);
      const model = join(folder, 'model');
      mkdirSync(model);
      writeFileSync(join(model, 'model.safetensors'), safetensors);
      writeFileSync(join(model, 'config.json'), content);
      await expect(openModel(model)).rejects.toThrow(`config.json: expected a config in JSON, got ${what}`);
    },
  );

  it('each format where the other is expected', async ({ temporaryFolder: folder }) => {
    const write = (name: string, content: Uint8Array | string): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    await expect(openPyTorchCheckpoint(write('a.pt', safetensors))).rejects.toThrow(
      'got a safetensors file. Safetensors files are opened by openSafetensors.',
    );
    await expect(openSafetensors(write('b.safetensors', zip))).rejects.toThrow('got a zip archive, as torch.save');
    await expect(openSafetensors(write('c.safetensors', legacy))).rejects.toThrow('got a pickle, as torch.save wrote');
    const flax = write('e.msgpack', bytesOf('\x81\xa6params\x81\xa1w\xc0'));
    await expect(openSafetensors(flax)).rejects.toThrow('Checkpoints of Flax are opened by openFlaxCheckpoint.');
    await expect(openFlaxCheckpoint(join(folder, 'c.safetensors'))).rejects.toThrow(
      'got a pickle, as torch.save wrote',
    );
    await expect(openSafetensors(write('d.safetensors', '{"error": "Repository not found"}'))).rejects.toThrow(
      'got a text in JSON, "{\\"error\\": \\"Repository not found\\"}". An index of several files is',
    );
  });

  it('never a file that is what it should be', () => {
    // A length of 0x80 in the first byte looks like a pickle, and others like gzip and bzip2.
    for (const length of [0x80, 0x280, 0x1f8b, 0x5a42]) {
      const header = `{"__metadata__":{"a":"${'x'.repeat(length - 25)}"}}`;
      const bytes = new Uint8Array(8 + length);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
      bytes.set(new TextEncoder().encode(header), 8);
      expect(decodeSafetensors(bytes).metadata.a).toHaveLength(length - 25);
    }
  });
});

describe('openWeights', () => {
  it.for([
    ['safetensors', safetensors],
    ['the zip format', zip],
    ['the format before', legacy],
  ] as const)('opens %s by its content, whatever it is called', async ([, content], { temporaryFolder: folder }) => {
    const file = join(folder, 'Model.BIN');
    writeFileSync(file, content);
    const opened = await openWeights(file);
    expect(await opened.read(opened.entries[0]!)).toEqual({ shape: [1], data: one });
    await opened.close();
  });

  it('opens an index of several files', async ({ temporaryFolder: folder }) => {
    writeFileSync(join(folder, 'a.safetensors'), safetensors);
    writeFileSync(join(folder, 'INDEX.JSON'), JSON.stringify({ weight_map: { w: 'a.safetensors' } }));
    const opened = await openWeights(join(folder, 'INDEX.JSON'));
    expect(opened.entries.map(({ name }) => name)).toEqual(['w']);
    await opened.close();
  });

  it('passes options to PyTorch', async ({ temporaryFolder: folder }) => {
    const file = join(folder, 'a');
    writeFileSync(file, zipCheckpoint(dictionary({ ema: value }), { 0: one }));
    const opened = await openWeights(file, { part: 'ema' });
    expect(opened.entries.map(({ name }) => name)).toEqual(['w']);
    await opened.close();
  });
});
