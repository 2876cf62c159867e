import { spawnSync } from 'node:child_process';
import { existsSync, promises as fs } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { afterEach, describe, expect, vi } from 'vitest';
import { latestCheckpoint, readCheckpoint, readSafetensors, writeCheckpoint, writeSafetensors } from '../src/index.js';

const tensors = (value: number, length = 1000): Map<string, HostTensor> =>
  new Map([['x', { shape: [length], data: new Float32Array(length).fill(value) }]]);

let folder: string;
let file: string;

it.beforeEach(async ({ temporaryFolder }) => {
  folder = temporaryFolder;
  file = join(folder, 'model.safetensors');
  await writeSafetensors(file, tensors(1));
});

afterEach(() => vi.restoreAllMocks());

async function expectPreviousFile(): Promise<void> {
  expect(await fs.readdir(folder)).toEqual(['model.safetensors']);
  expect((await readSafetensors(file)).tensors.get('x')!.data[999]).toBe(1);
}

describe('a failure while writing leaves the previous file and nothing else', () => {
  it.each(['open', 'rename'] as const)('in %s', async (call) => {
    vi.spyOn(fs, call).mockRejectedValueOnce(Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' }));
    await expect(writeSafetensors(file, tensors(2))).rejects.toThrow(
      `${file}: expected to write the file, got no space left on the device (ENOSPC). Nothing was changed: a previous file`,
    );
    await expectPreviousFile();
  });

  it.each(['write', 'sync', 'close'] as const)('in %s', async (call) => {
    const open = fs.open;
    vi.spyOn(fs, 'open').mockImplementationOnce(async (...parameters) => {
      const handle = await open(...parameters);
      const original = handle[call].bind(handle) as (...values: unknown[]) => Promise<unknown>;
      vi.spyOn(handle, call).mockImplementation(async (...values: unknown[]) => {
        // The header and a part of the data are already written when the disk is full.
        if (call === 'close') await original();
        if (call === 'write' && (values[0] as Uint8Array).length < 1000) return (await original(...values)) as never;
        throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      });
      return handle;
    });
    await expect(writeSafetensors(file, tensors(2))).rejects.toMatchObject({
      name: 'DataError',
      where: file,
      got: 'an input/output error of the device (EIO)',
      cause: { code: 'EIO' },
    });
    await expectPreviousFile();
  });

  it.skipIf(!existsSync('/dev/full'))('on a device that is really full', async () => {
    const open = fs.open;
    vi.spyOn(fs, 'open').mockImplementationOnce(() => open('/dev/full', 'w'));
    await expect(writeSafetensors(file, tensors(2))).rejects.toThrow('no space left on the device (ENOSPC)');
    await expectPreviousFile();
  });

  it('a write that takes only a part is continued', async () => {
    const open = fs.open;
    vi.spyOn(fs, 'open').mockImplementationOnce(async (...parameters) => {
      const handle = await open(...parameters);
      const write = handle.write.bind(handle);
      vi.spyOn(handle, 'write').mockImplementation(((bytes: Uint8Array, offset: number, length: number) =>
        write(bytes, offset, Math.min(length, 7))) as never);
      return handle;
    });
    await writeSafetensors(file, tensors(2));
    expect((await readSafetensors(file)).tensors.get('x')!.data.every((value) => value === 2)).toBe(true);
  });

  it('of a missing folder says so', async () => {
    await expect(writeSafetensors(join(folder, 'no', 'x.safetensors'), tensors(2))).rejects.toThrow('(ENOENT)');
  });
});

describe.skipIf(process.platform === 'win32')('in a process that may write 64 KiB', () => {
  const run = (program: string): { status: number | null; stdout: string; stderr: string } => {
    const built = fileURLToPath(new URL('../src/index.ts', import.meta.url));
    const script = `import { writeCheckpoint, writeSafetensors } from ${JSON.stringify(built)};
      const tensors = (value, length) => new Map([['x', { shape: [length], data: new Float32Array(length).fill(value) }]]);
      const folder = ${JSON.stringify(folder)};
      ${program}`;
    // ulimit -f counts blocks of 512 or 1024 bytes, depending on the shell: 32 or 64 KiB.
    return spawnSync(
      'sh',
      [
        '-c',
        `ulimit -f 64; exec "$0" --import tsx --conditions=@vitvq/source --input-type=module -e "$1"`,
        process.execPath,
        script,
      ],
      {
        encoding: 'utf8',
      },
    );
  };

  it('a larger file fails and the previous one survives', async () => {
    const { stdout, stderr } = run(`
      await writeSafetensors(folder + '/model.safetensors', tensors(2, 100_000)).catch((error) => console.log(error.name, error.cause.code));`);
    expect(`${stdout}${stderr}`).toBe('DataError EFBIG\n');
    await expectPreviousFile();
  });

  it('a larger checkpoint fails and the previous one is still the latest', async () => {
    const checkpoints = join(folder, 'checkpoints');
    const { stdout, stderr } = run(`
      await writeCheckpoint(folder + '/checkpoints', { step: 1, tensors: tensors(1, 1000), state: { seed: 7 } }, { keep: 1 });
      await writeCheckpoint(folder + '/checkpoints', { step: 2, tensors: tensors(2, 100_000), state: {} }, { keep: 1 })
        .catch((error) => console.log(error.name, error.cause.code));`);
    expect(`${stdout}${stderr}`).toBe('DataError EFBIG\n');
    expect(await fs.readdir(checkpoints)).toEqual(['checkpoint-00000001.safetensors']);
    expect((await readCheckpoint(checkpoints)).state).toEqual({ seed: 7 });
  });
});

it('a checkpoint that cannot be written keeps all older ones', async () => {
  const checkpoints = join(folder, 'checkpoints');
  await writeCheckpoint(checkpoints, { step: 1, tensors: tensors(1), state: null }, { keep: 1 });
  vi.spyOn(fs, 'rename').mockRejectedValueOnce(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  await expect(
    writeCheckpoint(checkpoints, { step: 2, tensors: tensors(2), state: null }, { keep: 1 }),
  ).rejects.toThrow(DataError);
  expect(await latestCheckpoint(checkpoints)).toBe(join(checkpoints, 'checkpoint-00000001.safetensors'));
});
