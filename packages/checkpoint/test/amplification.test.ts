import { spawn } from 'node:child_process';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { readCheckpointState, readJsonObject, writeCheckpoint } from '../src/index.js';
import { quote } from '../src/internal/scan-json.js';
import { load } from './load-pickle.js';

describe('texts of pickles', () => {
  it.each([
    ['escapes of UNICODE', 'Va\\u00e9\\U0001F600\\ud83d\\n\\\\u0041\n.', 'a\u00e9\u{1f600}\ud83d\\n\\A'],
    ['escapes that end early', 'V\\u12\\U0011ffff\\\n.', '\\u12\\U0011ffff\\'],
    ['quoted escapes', "S'\\x41\\'\\\\\\q\\x4\\n'\n.", "A'\\\\q\\x4\n"],
    ['the other quotes', 'S"it\'s"  \n.', "it's"],
  ])('keep %s', (_, piece, expected) => {
    expect(load(piece)).toBe(expected);
  });

  it('are the same where they are long', () => {
    const plain = 'x'.repeat(5000);
    const parts = Array.from({ length: 40 }, (_, index) => `${plain.slice(0, index * 137)}\\u4e00\\U0001F600`);
    const expected = parts.join('').replaceAll('\\u4e00', '\u4e00').replaceAll('\\U0001F600', '\u{1f600}');
    expect(load(`V${parts.join('')}\n.`)).toBe(expected);
  });

  it('hold integers of any length', () => {
    expect(load(`\x8a\x00.`)).toBe(0);
    expect(load(`\x8a\x02\x00\x80.`)).toBe(-32768);
    expect(load(`\x8a\xff${'\xff'.repeat(255)}.`)).toBe(-1);
    expect(load(`\x8a\x0a${'\x01'.repeat(10)}.`)).toBe(BigInt(`0x${'01'.repeat(10)}`));
  });
});

it('escapes of 16 MB are read by a process that may have 100 MB of objects', async ({ temporaryFolder }) => {
  const file = join(temporaryFolder, 'pickle');
  const pickle = Buffer.concat([Buffer.from('V'), Buffer.alloc(6 * 2_800_000, '\\u4e00'), Buffer.from('\n.')]);
  await fs.writeFile(file, pickle);
  expect(deflateRawSync(pickle).length).toBeLessThan(2 ** 16);
  const program = `
    import { readFile } from 'node:fs/promises';
    import { load } from ${JSON.stringify(new URL('./load-pickle.ts', import.meta.url).href)};
    const text = load((await readFile(${JSON.stringify(file)})).toString('latin1'));
    console.log(text.length);
  `;
  const options = ['--max-old-space-size=100', '--import', 'tsx', '--conditions=@vitvq/source', '--input-type=module'];
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const child = spawn(process.execPath, [...options, '-e', program], { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect({ code, printed }).toEqual({ code: 0, printed: '2800000\n' });
});

it('quotes a value of any size by its beginning', () => {
  const text = 'x'.repeat(2 ** 28);
  expect(quote(Array.from({ length: 100 }, () => text))).toMatch(/^\["x{70,}\.\.\.$/);
  let deep: unknown = 1;
  for (let depth = 0; depth < 60; depth++) deep = Array.from({ length: 100 }, () => deep);
  expect(quote(deep)).toHaveLength(80);
  expect(quote({ a: [1, { b: 'c' }] })).toBe('{"a":[1,{"b":"c"}]}');
});

it('refuses a file in JSON by its size before it is read', async ({ temporaryFolder }) => {
  const file = join(temporaryFolder, 'config.json');
  await fs.writeFile(file, '{}');
  const limits = { maximumBytes: 1000, maximumDepth: 8 };
  expect((await readJsonObject(file, 'a config', limits)).value).toEqual({});
  await fs.truncate(file, 2 ** 40);
  await expect(readJsonObject(file, 'a config', limits)).rejects.toThrow(
    `${file}: expected a config of at most 1000 bytes, got 1099511627776.`,
  );
});

it('bounds the state of a checkpoint when it is written and when it is read', async ({ temporaryFolder }) => {
  const tensors = new Map();
  const lists = Array.from({ length: 4_000_001 }, () => 0);
  await expect(writeCheckpoint(temporaryFolder, { step: 1, tensors, state: lists })).rejects.toThrow(
    'writeCheckpoint: expected a state of at most 4000000 values, got more. Large state belongs into tensors.',
  );
  let deep: unknown = 1;
  for (let depth = 0; depth < 600; depth++) deep = [deep];
  await expect(writeCheckpoint(temporaryFolder, { step: 1, tensors, state: deep })).rejects.toThrow('nested 512 deep');
  await writeCheckpoint(temporaryFolder, { step: 1, tensors, state: { a: [deep].length } });
  expect((await readCheckpointState(temporaryFolder)).state).toEqual({ a: 1 });
});
