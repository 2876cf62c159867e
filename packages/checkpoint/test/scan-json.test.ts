import { DataError } from '@vitvq/core';
import { expect, it } from 'vitest';
import { scanJson } from '../src/internal/scan-json.js';

const limits = { noun: 'a text', maximumDepth: 2, maximumKeys: 3, maximumValues: 6 };

function scan(text: string): void {
  scanJson(text, limits, (expected, got) => {
    throw new DataError({ where: 'scanned', expected, got });
  });
}

it.each([
  ['{"a":1,"b":[2,3],"c":4}'],
  ['{"a":{"a":1},"b":{}}'],
  ['["a,b","[,,,,,,,",":"]'],
  ['["a","a","a"]'],
  ['}}]],,,'],
  ['"'],
])('lets %s pass', (text) => {
  expect(() => scan(text)).not.toThrow();
});

it.each([
  ['{"a":[{}]}', 'a text nested 2 deep, got a deeper one'],
  ['{"a":1,"\\u0061" :2}', 'names that differ, got "a" twice'],
  ['{"a":1,"b":{"c":1,"d":1}}', 'a text of at most 3 names, got more'],
  ['{"a":[1,2,3,4,5,6]}', 'a text of at most 6 values, got more'],
  ['[,,,,,,', 'a text of at most 6 values, got more'],
  [`{"${'k'.repeat(4097)}":1}`, 'names of at most 4096 characters, got one of 4097'],
])('refuses %s', (text, message) => {
  expect(() => scan(text)).toThrow(`scanned: expected ${message}`);
});
