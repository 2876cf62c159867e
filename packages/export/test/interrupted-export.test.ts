import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { it, killAfter } from '@vitvq/test-utils/node';
import { afterEach, expect, vi } from 'vitest';
import { readExport } from '../src/index.js';
import { writeExport } from '../src/internal/write-export.js';

afterEach(() => vi.restoreAllMocks());

/** Exports files that hold a number, and nothing that a runtime could run. */
async function write(folder: string, number: number): Promise<void> {
  const shape = { grid: [2, 2], vocabSize: 4, codeDepth: 1 } as const;
  const image = { height: 4, width: 4, channels: 3, layout: 'NHWC', dtype: 'float32', range: [0, 1] } as const;
  const onnx = { bytes: Uint8Array.of(number), opset: 17, inputs: [], outputs: [] };
  await writeExport(
    folder,
    { part: 'tokenizer', shape },
    async (add) => {
      const decoder = await add('decoder.onnx', onnx, 'float32');
      const encoder = await add('encoder.onnx', onnx, 'float32');
      const metadata = { number: String(number) };
      return { tokenizer: { ...shape, image, encoder, decoder, measured: [], metadata } };
    },
    () => Promise.resolve(undefined),
  );
}

it('an export that is killed leaves the old files or the new ones, with their manifest', async ({
  temporaryFolder: folder,
}) => {
  const found = new Set<string | undefined>();
  for (let changes = 0, isWritten = false; !isWritten; changes++) {
    await fs.rm(folder, { recursive: true, force: true });
    await write(folder, 1);
    await fs.writeFile(join(folder, 'mine.onnx'), 'mine');
    killAfter(changes);
    isWritten = await write(folder, 2).then(
      () => true,
      () => false,
    );
    vi.restoreAllMocks();
    // Compares each file with the checksum that the manifest has of it.
    found.add((await readExport(folder)).tokenizer?.metadata.number);
    expect(await fs.readFile(join(folder, 'mine.onnx'), 'utf8')).toBe('mine');
  }
  expect([...found]).toEqual(['1', '2']);
});
