import { execFile } from 'node:child_process';
import { onnxWorker, workerCommand } from '../backend/worker-file.js';
import { firstLine } from '../engines/engine-definition.js';
import type { OnnxProvider } from './protocol.js';

const timeoutMilliseconds = 60_000;

/**
 * Finds out in a process of its own whether an execution provider starts: native libraries print to
 * the terminal whatever they miss, and may end their process.
 * @returns the reason why it does not start; undefined where it does
 */
export function tryProvider(provider: OnnxProvider): Promise<string | undefined> {
  const args = [...workerCommand(onnxWorker), provider];
  const options = { timeout: timeoutMilliseconds, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const lines = [stdout, stderr].map((text) => text.trim().split('\n').at(-1)!);
      resolve(error ? (lines.find((line) => line !== '') ?? firstLine(error)) : undefined);
    });
  });
}
