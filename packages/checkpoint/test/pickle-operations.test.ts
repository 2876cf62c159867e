import { expect, it } from 'vitest';
import { pickleOperations } from '../src/internal/pickle/operations.js';

it('every operation of the protocols 0 to 5 has one row, under the name that pickletools gives it', () => {
  const names = Object.entries(pickleOperations).map(([byte, { name }]) => [Number(byte), name] as const);
  expect(names).toHaveLength(68);
  expect(new Set(names.map(([, name]) => name)).size).toBe(68);
  const byName = Object.fromEntries(names.map(([byte, name]) => [name, String.fromCharCode(byte)]));
  // Operations of protocol 0 and 1 are printable characters.
  expect(byName).toMatchObject({ MARK: '(', STOP: '.', REDUCE: 'R', BUILD: 'b', GLOBAL: 'c', DICT: 'd', APPENDS: 'e' });
  expect(byName).toMatchObject({ PROTO: '\x80', TUPLE1: '\x85', LONG1: '\x8a', STACK_GLOBAL: '\x93', FRAME: '\x95' });
});
