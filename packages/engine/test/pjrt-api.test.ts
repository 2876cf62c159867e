import { describe, expect, it } from 'vitest';
import { PjrtApi, struct, words } from '../src/pjrt/pjrt-api.js';
import { tableHeaderWords } from '../src/pjrt/api-table.js';

/** A table of functions as a plug-in gives it, none of which may be called. */
function table({ version, functions, size }: { version: [number, number]; functions: number; size?: number }): Buffer {
  const count = tableHeaderWords + functions;
  const number = BigInt(version[0]) | (BigInt(version[1]) << 32n);
  return words([size ?? count * 8, 0, 24, 0, number, ...Array.from({ length: functions }, () => 0)]);
}

describe('the table of a plug-in', () => {
  it.each([
    [[0, 56], /PJRT C API 0\.57 or newer.*0\.56 and .* in old\.so/],
    [[1, 120], /PJRT C API 0\.57 or newer.*1\.120 and .* in old\.so/],
  ] as const)('is refused before a call for the version %j', (version, message) => {
    expect(() => new PjrtApi('old.so', table({ version: [...version], functions: 0 }))).toThrow(message);
  });

  it.each([8, 2 ** 40])('is refused for a size of %i bytes', (size) => {
    const memory = table({ version: [0, 60], functions: 4, size });
    expect(() => new PjrtApi('odd.so', memory)).toThrow(`0.60 and a table of ${size} bytes in odd.so`);
  });

  it('is not read beyond its size', () => {
    // The memory goes on, but the plug-in says that the table has no function of it.
    const memory = table({ version: [0, 60], functions: 4, size: tableHeaderWords * 8 });
    memory.writeBigUInt64LE(1n, (tableHeaderWords + 3) * 8);
    expect(() => new PjrtApi('short.so', memory)).toThrow(/a table without it, of version 0\.60, in short\.so/);
  });
});

describe('a struct of the API', () => {
  it('begins with its size, has its fields in order and spare zeros behind them', () => {
    const memory = struct('PJRT_Program', { codeSize: 5, formatSize: -1 });
    const all = Array.from({ length: memory.length / 8 }, (_, index) => memory.readBigInt64LE(index * 8));
    expect(all.slice(0, 6)).toEqual([BigInt(memory.length), 0n, 0n, 5n, 0n, -1n]);
    expect(all.slice(6)).toEqual(Array.from({ length: 8 }, () => 0n));
  });
});
