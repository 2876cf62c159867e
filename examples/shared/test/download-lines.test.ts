import { expect, it } from 'vitest';
import { downloadLines } from '../src/download-lines.js';

it('downloadLines tells now and then', () => {
  const lines: string[] = [];
  const tell = downloadLines('CIFAR-10', (line) => lines.push(line));
  for (const bytes of [0, 5e6, 9e6, 10e6]) tell({ phase: 'download', bytes, totalBytes: 100e6 });
  for (const bytes of [1e6, 15e6, 17e6]) tell({ phase: 'unpack', bytes, totalBytes: undefined });
  expect(lines).toEqual([
    'CIFAR-10, fetching it once: 0 of 100 MB',
    'CIFAR-10, fetching it once: 10 of 100 MB',
    'CIFAR-10, unpacking: 1 MB',
    'CIFAR-10, unpacking: 17 MB',
  ]);
});
