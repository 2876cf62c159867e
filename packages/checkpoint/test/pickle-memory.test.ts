import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { openPyTorchCheckpoint } from '../src/index.js';
import { PickleEnd } from '../src/internal/pickle/reader.js';
import { dictionary, global, list, tensor, text, uint64, zipCheckpoint, type Piece } from './build-pytorch.js';
import { load } from './load-pickle.js';

describe('bounds memory', () => {
  let file: string;
  it.beforeEach(({ temporaryFolder }) => void (file = join(temporaryFolder, 'hostile.ckpt')));

  it.each(['](', '}', ')', '\x8f', 'U\x00', 'Nq\x00', 'N('])('of objects without end: %j', (piece) => {
    const endless = piece.repeat(Math.ceil((256 * 2 ** 20) / 16 / piece.length));
    expect(() => load(`\x80\x02${endless}.`)).toThrow('objects of about 268435456 bytes at most, got more');
  });

  it('of long names of what is passed over', () => {
    const names = `${text(`x.${'y'.repeat(2 ** 20)}`)}q\x000${text('z')}q\x010${'h\x00h\x01\x93'.repeat(200)}`;
    expect(() => load(`\x80\x02${names}.`, ['x.*'])).toThrow('objects of about');
  });

  it('of a list that is copied again and again', () => {
    const big = list(...Array<Piece>(100_000).fill('N'));
    const copies = `${global('builtins', 'list')}q\x01h\x00\x85R0`.repeat(1000);
    expect(() => load(`\x80\x02${big}q\x00${copies}.`)).toThrow('objects of about');
  });

  it('of lists of lists of lists, which share what is in them', async () => {
    // A "billion laughs" attack: 2^64 paths through 64 lists.
    let laughs: Piece = '](Ne';
    for (let depth = 0; depth < 64; depth++)
      laughs += `q${String.fromCharCode(depth)}0](h${String.fromCharCode(depth)}h${String.fromCharCode(depth)}e`;
    let dictionaries: Piece = '}';
    for (let depth = 64; depth < 128; depth++) {
      const place = String.fromCharCode(depth);
      dictionaries += `q${place}0}(${text('a')}h${place}${text('b')}h${place}u`;
    }
    const value = dictionary({ list: laughs, dictionary: dictionaries, w: tensor({ length: 1, shape: [1] }) });
    await fs.writeFile(file, zipCheckpoint(value, { 0: Float32Array.of(1) }));
    const opened = await openPyTorchCheckpoint(file);
    expect(opened.entries.map(({ name }) => name)).toEqual(['w']);
    await opened.close();
  });

  it('of nesting without end', async () => {
    const deep = `${'('.repeat(1e5)}${'t'.repeat(1e5)}`;
    const key = text('a');
    const dictionaries = `}${`${key}}`.repeat(1e5)}${'s'.repeat(1e5)}`;
    await fs.writeFile(file, zipCheckpoint(dictionary({ deep, dictionaries })));
    const opened = await openPyTorchCheckpoint(file);
    expect(opened.entries).toEqual([]);
    await opened.close();
  });

  it.each([
    ['BINBYTES8', `\x8e${uint64(2n ** 63n - 1n)}`],
    ['BINUNICODE8', `\x8d${uint64(2n ** 40n)}`],
    ['BYTEARRAY8', `\x96${uint64(-1)}`],
    ['BINUNICODE', 'X\xff\xff\xff\xff'],
    ['BINBYTES', 'B\xff\xff\xff\xff'],
    ['LONG1', '\x8a\xff'],
    ['GLOBAL', 'cos'],
  ])('of a %s that is longer than the file', (_, piece) => {
    expect(() => load(`\x80\x02${piece}`)).toThrow(PickleEnd);
  });
});
