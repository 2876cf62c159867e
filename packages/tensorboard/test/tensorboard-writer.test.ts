import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ConfigError, DataError, ShapeError, type RgbImage } from '@vitvq/core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { removeEventFiles, TensorBoardWriter } from '../src/index.js';
import { readEvents, readRecords, type ReadEvent } from './read-events.js';

const parent = await fs.mkdtemp(join(tmpdir(), 'vitvq-tensorboard-'));
afterAll(() => fs.rm(parent, { recursive: true, force: true }));
let folder: string;
beforeEach(async () => void (folder = await fs.mkdtemp(join(parent, 'run-'))));
afterEach(() => vi.restoreAllMocks());

const read = async (file: string): Promise<ReadEvent[]> => readEvents(await fs.readFile(file));
const scalars = async (file: string): Promise<[number, number][]> =>
  (await read(file)).flatMap(({ step, scalar }) => (scalar === undefined ? [] : [[step, scalar]]));

describe('a file', () => {
  it('holds everything in the order of the calls', async () => {
    const before = Date.now() / 1000;
    const writer = await TensorBoardWriter.open(join(folder, 'deep', 'er'));
    const pixels = { width: 4, height: 2, data: Uint8Array.from({ length: 24 }, (_, index) => index * 10) };
    const expected = pixels.data.slice();
    writer.scalar('loss/total', 0.1, 3);
    writer.image('pictures', pixels, 3);
    pixels.data.fill(0); // the caller may go on using the array
    writer.histogram('weights', [1, 2, 3], 3);
    writer.text('config', '**größe**: 3', 0);
    writer.scalar('adversarial', 0, 0);
    writer.scalar('loss/total', Infinity, 2 ** 53 - 1);
    await writer.close();

    const [version, scalar, image, histogram, text, zero, last, ...more] = await read(writer.file);
    expect(more).toEqual([]);
    expect(version).toMatchObject({ fileVersion: 'brain.Event:2', step: 0 });
    expect(scalar).toMatchObject({ tag: 'loss/total', scalar: Math.fround(0.1), step: 3 });
    expect(image).toMatchObject({ tag: 'pictures', step: 3, image: { width: 4, height: 2, channels: 3 } });
    expect(new Uint8Array(await sharp(image!.image!.png).raw().toBuffer())).toEqual(expected);
    expect(histogram).toMatchObject({ tag: 'weights', step: 3, histogram: { min: 1, max: 3, num: 3, sum: 6 } });
    expect(text).toMatchObject({ tag: 'config', text: '**größe**: 3', plugin: 'text', step: 0 });
    expect(zero).toMatchObject({ tag: 'adversarial', scalar: 0, step: 0 });
    expect(last).toMatchObject({ scalar: Infinity, step: 2 ** 53 - 1 });
    for (const { wallTime } of [version!, scalar!, image!, last!]) {
      expect(wallTime).toBeGreaterThanOrEqual(before);
      expect(wallTime).toBeLessThanOrEqual(Date.now() / 1000);
    }
  });

  it('takes PNG files as they are', async () => {
    const writer = await TensorBoardWriter.open(folder);
    const png = await sharp({ create: { width: 7, height: 6, channels: 3, background: '#123456' } })
      .png()
      .toBuffer();
    writer.image('png', png, 0);
    await writer.close();
    const [, same] = (await read(writer.file)).map(({ image }) => image);
    expect(same).toMatchObject({ width: 7, height: 6, channels: 3 });
    expect(Buffer.from(same!.png)).toEqual(png);
  });

  it('is written in time, though nobody asks', async () => {
    const writer = await TensorBoardWriter.open(folder, { flushSeconds: 0.02 });
    writer.scalar('x', 1, 1);
    expect(await scalars(writer.file)).toEqual([]);
    await vi.waitFor(async () => expect(await scalars(writer.file)).toEqual([[1, 1]]), { timeout: 10_000 });
    await writer.close();
  });

  it('is written at once when much waits', async () => {
    const writer = await TensorBoardWriter.open(folder, { flushSeconds: 86_400 });
    const text = 'x'.repeat(400_000);
    for (const step of [1, 2, 3]) writer.text('long', text, step);
    await vi.waitFor(async () => expect(await read(writer.file)).toHaveLength(4), { timeout: 10_000 });
    await writer.close();
  });

  it('grows with every flush; flushes that overlap write everything once', async () => {
    const writer = await TensorBoardWriter.open(folder);
    const flushes: Promise<void>[] = [];
    for (let step = 0; step < 200; step++) {
      writer.scalar('x', step, step);
      if (step % 7 === 0) writer.image('p', { width: 8, height: 8, data: new Uint8Array(192) }, step);
      if (step % 3 === 0) flushes.push(writer.flush());
      if (step % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(flushes);
    await Promise.all([writer.close(), writer.close()]);
    const events = await read(writer.file);
    expect(events.slice(1).map(({ step }) => step)).toEqual(
      Array.from({ length: 200 }, (_, step) => (step % 7 === 0 ? [step, step] : [step])).flat(),
    );
  });
});

describe('a run that resumes', () => {
  it('writes another file, which readers take later, and tells them what to forget', async () => {
    const files: string[] = [];
    for (const startStep of [undefined, 501, 0]) {
      const writer = await TensorBoardWriter.open(folder, { startStep });
      writer.scalar('x', 1, (startStep ?? 0) + 1);
      await writer.close();
      files.push(basename(writer.file));
      expect((await read(writer.file))[1]).toMatchObject(
        startStep === undefined ? { tag: 'x' } : { start: true, step: startStep },
      );
    }
    expect((await fs.readdir(folder)).sort()).toEqual(files);
    expect(new Set(files).size).toBe(3);
  });

  it('comes after files that a clock ahead of ours has named', async () => {
    await fs.writeFile(join(folder, 'events.out.tfevents.9000000000.elsewhere.1'), '');
    const writer = await TensorBoardWriter.open(folder);
    await writer.close();
    expect(basename(writer.file)).toMatch(/^events\.out\.tfevents\.9000000001\./);
  });
});

describe('a run that replaces another one', () => {
  it('removes its event files and no others', async () => {
    const writer = await TensorBoardWriter.open(folder);
    await writer.close();
    const others = ['events.out.tfevents.1700000000.elsewhere.1', 'notes.txt'];
    for (const name of others) await fs.writeFile(join(folder, name), '');
    await removeEventFiles(folder);
    expect((await fs.readdir(folder)).sort()).toEqual(others);
    await removeEventFiles(join(folder, 'none'));
  });
});

describe('a process that is killed', () => {
  it('loses nothing that was flushed', async () => {
    const built = fileURLToPath(new URL('../src/index.ts', import.meta.url));
    const script = `import { TensorBoardWriter } from ${JSON.stringify(built)};
      const writer = await TensorBoardWriter.open(${JSON.stringify(folder)});
      for (let step = 0; ; step++) {
        writer.scalar('x', step, step);
        writer.text('filler', 'x'.repeat(100_000), step);
        if (step % 5 === 4) { await writer.flush(); console.log(step); }
      }`;
    for (const target of [4, 19, 54]) {
      await fs.rm(folder, { recursive: true, force: true });
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', '--conditions=@vitvq/source', '--input-type=module', '-e', script],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let flushed = -1;
      for await (const line of createInterface(child.stdout)) {
        flushed = Number(line);
        if (flushed >= target) child.kill('SIGKILL');
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      expect(child.signalCode).toBe('SIGKILL');
      const [name] = await fs.readdir(folder);
      const steps = (await scalars(join(folder, name!))).map(([step]) => step);
      expect(steps.length).toBeGreaterThan(flushed);
      expect(steps).toEqual(steps.map((_, index) => index));
    }
  });

  it('may leave a last record cut short, which costs a reader that record alone', async () => {
    const writer = await TensorBoardWriter.open(folder);
    for (let step = 0; step < 5; step++) writer.scalar('x', step, step);
    await writer.close();
    const bytes = await fs.readFile(writer.file);
    const { records } = readRecords(bytes);
    const lastRecord = records.at(-1)!.length + 16;
    for (let missing = 1; missing < lastRecord; missing++) {
      const cut = readRecords(bytes.subarray(0, bytes.length - missing));
      expect(cut).toMatchObject({ cutShort: true, records: { length: records.length - 1 } });
    }
  });
});

describe('a full disk', () => {
  /**
   * Lets writes through until `failing.now` is set; then half of the bytes are written before each
   * fails.
   */
  const failing = { now: false };
  beforeEach(() => {
    failing.now = false;
    const open = fs.open;
    vi.spyOn(fs, 'open').mockImplementation(async (...parameters) => {
      const handle = await open(...parameters);
      const write = handle.write.bind(handle);
      vi.spyOn(handle, 'write').mockImplementation((async (
        bytes: Uint8Array,
        offset: number,
        length: number,
        position: number,
      ) => {
        if (!failing.now) return write(bytes, offset, length, position);
        await write(bytes, offset, Math.ceil(length / 2), position);
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      }) as never);
      return handle;
    });
  });

  it('is named by flush, and nothing is lost or written twice when there is room again', async () => {
    const writer = await TensorBoardWriter.open(folder, { flushSeconds: 0.01 });
    writer.scalar('x', 1, 1);
    await writer.flush();
    const size = (await fs.stat(writer.file)).size;
    failing.now = true;
    writer.scalar('x', 2, 2);
    writer.image('p', { width: 2, height: 2, data: new Uint8Array(12) }, 2);
    await expect(writer.flush()).rejects.toThrow(
      `${writer.file}: expected to append to the file, got no space left on the device (ENOSPC).`,
    );
    expect((await fs.stat(writer.file)).size).toBe(size);
    writer.scalar('x', 3, 3); // adding goes on
    await expect(writer.flush()).rejects.toThrow(DataError);
    failing.now = false;
    // The next attempt comes by itself.
    await vi.waitFor(async () => expect(await read(writer.file)).toHaveLength(5), { timeout: 10_000 });
    await writer.close();
    expect(await scalars(writer.file)).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it('is named by close, with the number of events that are lost', async () => {
    const writer = await TensorBoardWriter.open(folder);
    failing.now = true;
    writer.scalar('x', 1, 1);
    writer.scalar('x', 2, 2);
    await expect(writer.close()).rejects.toThrow('no space left on the device (ENOSPC). 2 events are lost.');
    expect(await scalars(writer.file)).toEqual([]);
    expect(() => writer.scalar('x', 1, 1)).toThrow('a closed one');
  });

  it('does not fill the memory: adding says so once much waits', async () => {
    const writer = await TensorBoardWriter.open(folder, { maximumPendingBytes: 1000 });
    failing.now = true;
    writer.text('x', 'x'.repeat(400), 1);
    await expect(writer.flush()).rejects.toThrow('ENOSPC');
    writer.text('x', 'x'.repeat(400), 2);
    expect(() => writer.text('x', 'x'.repeat(400), 3)).toThrow(
      /^TensorBoardWriter\.text: expected at most 1000 bytes that wait to be written, got 1\d\d\d\. The last attempt failed: .*ENOSPC/,
    );
    failing.now = false;
    await writer.close();
    expect((await read(writer.file)).map(({ step }) => step)).toEqual([0, 1, 2]);
  });
});

describe('what cannot be written', () => {
  it('is a folder that cannot be created, or a full device from the start', async () => {
    const file = join(folder, 'file');
    await fs.writeFile(file, '');
    await expect(TensorBoardWriter.open(join(file, 'logs'))).rejects.toThrow(
      `${join(file, 'logs')}: expected to create an event file, got a file where a directory should be (ENOTDIR)`,
    );
  });

  it.skipIf(!existsSync('/dev/full'))('is a device that is really full', async () => {
    const open = fs.open;
    vi.spyOn(fs, 'open').mockImplementation(() => open('/dev/full', 'w'));
    await expect(TensorBoardWriter.open(folder)).rejects.toThrow(
      'expected to append to the file, got no space left on the device (ENOSPC)',
    );
  });

  it('is an event of a writer that is closed', async () => {
    const writer = await TensorBoardWriter.open(folder);
    await writer.close();
    const message = `expected an open writer, got a closed one (${writer.file}). Open another writer`;
    expect(() => writer.scalar('x', 1, 1)).toThrow(ConfigError);
    expect(() => writer.scalar('x', 1, 1)).toThrow(`TensorBoardWriter.scalar: ${message}`);
    expect(() => writer.histogram('x', [1], 1)).toThrow(message);
    expect(() => writer.image('x', { width: 1, height: 1, data: new Uint8Array(3) }, 1)).toThrow(message);
    await expect(writer.flush()).rejects.toThrow(`TensorBoardWriter.flush: ${message}`);
    await writer.close();
  });

  it('is more at once than may wait', async () => {
    const writer = await TensorBoardWriter.open(folder, { maximumPendingBytes: 1000 });
    expect(() => writer.image('x', { width: 20, height: 20, data: new Uint8Array(1200) }, 1)).toThrow(
      'TensorBoardWriter.image: expected at most 1000 bytes that wait to be written, got 1200. Await flush() now and then.',
    );
    await writer.close();
  });

  it.each([
    [{ width: 2, height: 2, data: new Uint8Array(11) }, ShapeError, 'got 11 values for 2 x 2'],
    [{ width: 2, height: 2, data: new Uint8Array(8) }, ShapeError, 'got 8 values for 2 x 2'],
    [{ width: 0, height: 2, data: new Uint8Array(0) }, ShapeError, 'got 0 values for 2 x 0'],
    [{ width: 1.5, height: 2, data: new Uint8Array(3) }, ShapeError, 'got 3 values for 2 x 1.5'],
    [new Uint8Array(40), DataError, 'expected the bytes of a PNG file, got 40 other bytes. Pass pixels as'],
    [new Uint8Array(), DataError, 'got 0 other bytes'],
  ] as [RgbImage | Uint8Array, typeof DataError, string][])('is no picture %#', async (image, type, message) => {
    const writer = await TensorBoardWriter.open(folder);
    expect(() => writer.image('x', image, 1)).toThrow(type);
    expect(() => writer.image('x', image, 1)).toThrow(`TensorBoardWriter.image: `);
    expect(() => writer.image('x', image, 1)).toThrow(message);
    await writer.close();
    expect(await read(writer.file)).toHaveLength(1);
  });

  it('is a step, a tag, or an option out of range', async () => {
    const writer = await TensorBoardWriter.open(folder);
    expect(() => writer.scalar('x', 1, -1)).toThrow('TensorBoardWriter.scalar: expected step to be an integer of at');
    expect(() => writer.scalar('x', 1, 0.5)).toThrow(ConfigError);
    expect(() => writer.scalar('', 1, 0)).toThrow('TensorBoardWriter.scalar: expected a tag, got an empty string.');
    expect(() => writer.histogram('w', [NaN], 0)).toThrow('TensorBoardWriter.histogram("w"): expected finite values');
    await writer.close();
    await expect(TensorBoardWriter.open(folder, { startStep: -1 })).rejects.toThrow('startStep');
    await expect(TensorBoardWriter.open(folder, { flushSeconds: NaN })).rejects.toThrow('flushSeconds');
    await expect(TensorBoardWriter.open(folder, { maximumPendingBytes: 0 })).rejects.toThrow('maximumPendingBytes');
  });
});
