import '@tensorflow/tfjs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCheckpoint } from '@vitvq/checkpoint';
import { hasEngine } from '@vitvq/test-utils';
import { it, runProgram } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';

const program = fileURLToPath(new URL('programs/train-on-failing-engine.ts', import.meta.url));

describe.skipIf(!(await hasEngine('onnx')))('a training whose engine fails', () => {
  it.for([
    [
      'thread',
      /EngineError: onnx engine: expected its worker thread to run, got exited with code 1\. If memory ran out/,
    ],
    [
      'memory',
      /EngineError: onnx engine: expected ONNX Runtime .* got .*[aA]lloc.* Memory ran out: use a smaller batch/s,
    ],
  ] as const)(
    'by its %s ends with the reason; its last checkpoint is whole',
    async ([failure, reason], { temporaryFolder }) => {
      const directory = join(temporaryFolder, 'run');
      const { code, output } = await runProgram(program, [directory, failure]);
      expect(output).toMatch(reason);
      expect(code).toBe(1);
      const newest = join(directory, 'checkpoint-00000004.safetensors');
      expect(output).toContain(
        `ended-by-error: An error has ended the training after step 5. Its newest checkpoint is ${newest}: a resumed run goes on from there.`,
      );
      const { file, step } = await readCheckpoint(directory);
      expect({ file, step }).toEqual({ file: newest, step: 4 });
      expect((await readdir(directory)).filter((name) => name.startsWith('.'))).toEqual([]);
    },
  );
});
