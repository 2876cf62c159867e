/**
 * `node … read-hostile.ts <reader> <path>`, which `check-bounds` runs in a process of its own: it
 * reads one file and prints what came of it, the seconds and the most memory, as JSON.
 */
import { isMainThread } from 'node:worker_threads';
import { VitvqError } from '@vitvq/core';
import { hostileReaders, type ReaderName } from './internal/hostile-readers.js';

/** What reading a file has cost. */
export interface Reading {
  /** What was read, or the message of the error. */
  readonly outcome: string;
  readonly seconds: number;
  /** Most resident memory of the process, Node.js and the packages included. */
  readonly megabytes: number;
}

async function outcomeOf(reader: ReaderName, path: string): Promise<string> {
  try {
    return await hostileReaders[reader](path);
  } catch (error) {
    // Any other error is a defect: a hostile file is refused by a message for people.
    if (error instanceof VitvqError)
      return `refused: ${error.message.replaceAll(`${path}: `, '').replaceAll(path, '')}`;
    throw error;
  }
}

if (isMainThread) {
  const [reader, path] = process.argv.slice(2) as [ReaderName, string];
  const before = process.resourceUsage().userCPUTime;
  const outcome = await outcomeOf(reader, path);
  const { userCPUTime, maxRSS } = process.resourceUsage();
  const reading: Reading = { outcome, seconds: (userCPUTime - before) / 1e6, megabytes: maxRSS / 1024 };
  process.stdout.write(`${JSON.stringify(reading)}\n`);
  process.exit();
}
