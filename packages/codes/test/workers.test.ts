import '@tensorflow/tfjs';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigError, DataError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { brightnessTokenizer, imageCount, tinyImageBatches } from '@vitvq/test-models';
import { programOptions } from '@vitvq/test-utils/node';
import {
  encodeAsWorker,
  encodeToShards,
  openCodes,
  verifyCodes,
  type EncodeAsWorkerOptions,
  type WorkerProgress,
  type WorkerResult,
} from '../src/index.js';
import { Claims } from '../src/internal/claims.js';

const program = fileURLToPath(new URL('programs/work-tiny.ts', import.meta.url));
/** A shard of one image, in two views. */
const shards = 2 * imageCount;

let folder: string;
/** The shards that one process makes alone. */
let alone: Map<string, string>;
let directory: string;
let number = 0;
const name = (view: number, index: number): string => `codes-00${view}-0000${index}.safetensors`;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
  folder = await fs.mkdtemp(join(tmpdir(), 'vitvq-workers-'));
  const options = { tokenizer: brightnessTokenizer(), views: 2, batchesPerShard: 1 };
  await encodeToShards({ ...options, openBatches: (at) => tinyImageBatches(at, 1), directory: join(folder, 'alone') });
  alone = await shardsIn(join(folder, 'alone'));
  expect(alone.size).toBe(shards);
});
beforeEach(() => {
  directory = join(folder, String(number++));
});
afterAll(() => fs.rm(folder, { recursive: true, force: true }));

const work = (options: Partial<EncodeAsWorkerOptions> = {}): Promise<WorkerResult> =>
  encodeAsWorker({
    tokenizer: brightnessTokenizer(),
    tokenizerIdentity: 'brightness',
    imageCount,
    openBatches: (startAt) => tinyImageBatches(startAt, 1),
    views: 2,
    directory,
    batchesPerShard: 1,
    ...options,
  });

async function shardsIn(path: string): Promise<Map<string, string>> {
  const names = (await fs.readdir(path)).filter((each) => each.startsWith('codes-')).sort();
  const read = async (each: string) => (await fs.readFile(join(path, each))).toString('hex');
  return new Map(await Promise.all(names.map(async (each) => [each, await read(each)] as const)));
}

/** The folder holds what one process makes alone, whole, and nothing of how it was made. */
async function expectWhole(): Promise<void> {
  expect(await shardsIn(directory)).toEqual(alone);
  const found = await verifyCodes(directory);
  expect(found).toMatchObject({ isComplete: true, intact: shards, leftOut: 0, missing: [], damaged: [], claimed: 0 });
  const left = (await fs.readdir(directory)).filter((each) => !each.startsWith('codes-')).sort();
  expect(left).toEqual(['SHA256SUMS', 'finished', 'plan.json']);
}

/** A worker in a process of its own, and the lines that it prints. */
class Program {
  readonly child: ChildProcess;
  readonly lines: unknown[] = [];
  readonly #ended: Promise<unknown>;

  constructor(takeOverAfter = 120) {
    const args = [...programOptions, program, directory, String(takeOverAfter)];
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.lines.push(JSON.parse(line)));
    this.#ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  async started(): Promise<void> {
    await vi.waitUntil(() => this.lines.length > 0, { timeout: 60_000, interval: 5 });
  }

  async result(): Promise<WorkerResult> {
    await this.#ended;
    return this.lines.at(-1) as WorkerResult;
  }
}

describe('encodeAsWorker', () => {
  it('in several processes, some of which are killed, makes what one process makes', async () => {
    const programs = Array.from({ length: 3 }, () => new Program());
    for (const killed of programs.slice(0, 2)) {
      await killed.started();
      killed.child.kill('SIGKILL');
    }
    const results = await Promise.all(programs.slice(2).map((each) => each.result()));
    for (const result of results) {
      expect(result).toMatchObject({ shards, totalShards: shards, images: imageCount, leftOut: 0 });
    }
    const made = results.reduce((sum, { ownShards }) => sum + ownShards, 0);
    expect(made).toBeLessThanOrEqual(shards);
    expect(made).toBeGreaterThan(0);
    await expectWhole();
    const codes = await openCodes(directory);
    expect([codes.length, codes.views]).toEqual([imageCount, 2]);
    await codes.close();
  });

  it('taken for dead, goes on without harm', async () => {
    const program = new Program(0.4);
    await program.started();
    program.child.kill('SIGSTOP');
    const notes: string[] = [];
    const result = await work({ takeOverAfter: 0.4, onNote: (line) => notes.push(line) });
    expect(notes).toEqual([expect.stringMatching(/^took over 00[01]-0000\d from process \d+ on /)]);
    await expectWhole();
    program.child.kill('SIGCONT');
    expect((await program.result()).ownShards + result.ownShards).toBe(shards);
    await expectWhole();
  });

  it('does each shard once, in two workers at once', async () => {
    const told: WorkerProgress[] = [];
    const results = await Promise.all([work({ onProgress: (progress) => told.push(progress) }), work()]);
    expect(results[0].ownShards + results[1].ownShards).toBe(shards);
    expect(results[0].ownImages + results[1].ownImages).toBe(shards);
    expect(told.at(-1)).toEqual({
      shards,
      totalShards: shards,
      images: 2 * imageCount,
      totalImages: 2 * imageCount,
      ownImages: results[0].ownImages,
    });
    await expectWhole();
    const sums = (await fs.readFile(join(directory, 'SHA256SUMS'), 'utf8')).trimEnd().split('\n');
    const hash = (bytes: string): string => createHash('sha256').update(Buffer.from(bytes, 'hex')).digest('hex');
    expect(sums).toEqual([...alone].map(([each, bytes]) => `${hash(bytes)}  ${each}`));
  });

  it('gives its claim back when it is stopped, and goes on when it is called again', async () => {
    const stop = new AbortController();
    const stopped = work({
      signal: stop.signal,
      onProgress: ({ ownImages }) => {
        if (ownImages === 5) stop.abort();
      },
    });
    await expect(stopped).rejects.toThrow('abort');
    expect(await fs.readdir(join(directory, 'claims'))).toEqual([]);
    const found = await verifyCodes(directory);
    expect(found).toMatchObject({ isComplete: false, intact: 5, damaged: [] });
    expect(found.missing).toHaveLength(shards - 5);
    await expect(openCodes(directory)).rejects.toThrow('20 shards, got none named');
    expect((await work()).ownShards).toBe(shards - 5);
    await expectWhole();
    expect((await work()).ownShards).toBe(0);
  });

  it('with a share, makes that and waits for nobody', async () => {
    const shareOf = (index: number) => work({ share: { index, count: 3 } });
    expect(await shareOf(1)).toEqual({ ownShards: 7, ownImages: 7, shards: 7, totalShards: shards });
    expect(await shareOf(2)).toMatchObject({ ownShards: 7, shards: 14 });
    expect(await shareOf(0)).toMatchObject({ ownShards: 6, shards, images: imageCount });
    await expectWhole();
    await expect(work({ share: { index: 3, count: 3 } })).rejects.toThrow('share.index');
  });

  it.each([
    ['another tokenizer', { tokenizerIdentity: 'other' }, /tokenizer "brightness", got tokenizer "other"/],
    ['more images', { imageCount: 11 }, /images 10, got images 11/],
    ['other images', { openBatches: other }, /source "tiny images", got source "others"/],
    ['larger batches', { openBatches: (at: number) => tinyImageBatches(at, 5) }, /batchSize 1.*got batchSize 5/],
    ['larger shards', { batchesPerShard: 2 }, /batchesPerShard 1, got batchesPerShard 2/],
    ['fewer views', { views: 1 }, /views 2, got views 1/],
  ] as [string, Partial<EncodeAsWorkerOptions>, RegExp][])(
    'refuses %s than the plan has',
    async (_, options, message) => {
      await work({ share: { index: 0, count: shards } });
      const failure = await work(options).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ConfigError);
      expect((failure as Error).message).toMatch(message);
      expect((failure as Error).message).toMatch(
        /plan\.json: expected a worker of the plan: .* Start every worker with/,
      );
    },
  );

  it('refuses a plan that is none', async () => {
    await work({ share: { index: 0, count: shards } });
    await fs.writeFile(join(directory, 'plan.json'), '{}');
    await expect(work()).rejects.toThrow(/plan\.json: expected a plan in the format vitvq-token-plan\/1/);
  });

  it('goes on with the shards of encodeToShards, and refuses those of another tokenizer', async () => {
    await fs.cp(join(folder, 'alone'), directory, { recursive: true });
    await fs.rm(join(directory, name(1, 3)));
    const brighter = brightnessTokenizer();
    const tokenizer = {
      ...brighter,
      encode: (images: never) => brighter.encode(brighter.decode(brighter.encode(images)).mul(0.5)),
    };
    await expect(work({ tokenizer: tokenizer })).rejects.toThrow(/other tokens/);
    await expect(work({ views: 1, batchesPerShard: 3 })).rejects.toThrow(/batchesPerShard 3/);
    expect((await work()).ownShards).toBe(1);
    await expectWhole();
  });

  it('refuses a folder that encodeToShards writes to', async () => {
    let refused: Promise<unknown> | undefined;
    const onProgress = (): void => void (refused ??= work().catch((error: unknown) => error));
    const options = { tokenizer: brightnessTokenizer(), directory, onProgress };
    await encodeToShards({ ...options, openBatches: (at) => tinyImageBatches(at, 1) });
    expect(await refused).toBeInstanceOf(DataError);
    expect(String(await refused)).toContain('expected a folder that only workers write to');
  });

  it('takes a shard that a killed worker left without a record, and makes a damaged one anew', async () => {
    await work();
    for (const record of ['000-00002.json', '001-00004.json']) await fs.rm(join(directory, 'finished', record));
    await fs.truncate(join(directory, name(1, 4)), 100);
    expect(await verifyCodes(directory)).toMatchObject({ missing: [name(0, 2), name(1, 4)] });
    expect((await work()).ownShards).toBe(1);
    await expectWhole();
  });

  it('leaves no claim of a worker that was killed between its shard and its claim', async () => {
    await work();
    await fs.mkdir(join(directory, 'claims'));
    for (const claim of ['000-00002.1', '000-00002.2', '001-00000.1']) {
      await fs.writeFile(join(directory, 'claims', claim), '');
    }
    expect(await verifyCodes(directory)).toMatchObject({ isComplete: true, claimed: 2 });
    expect((await work()).ownShards).toBe(0);
    await expectWhole();
  });

  it('works where files have one name only', async () => {
    const link = vi.spyOn(fs, 'link').mockRejectedValue(Object.assign(new Error('no links'), { code: 'EPERM' }));
    try {
      const results = await Promise.all([work(), work()]);
      expect(results[0].ownShards + results[1].ownShards).toBe(shards);
      expect(link).toHaveBeenCalled();
    } finally {
      link.mockRestore();
    }
    await expectWhole();
  });

  it('waits while the disk takes nothing', async () => {
    await fs.mkdir(directory);
    await fs.symlink(join(directory, 'nowhere'), join(directory, 'staging'));
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const working = work({ takeOverAfter: 0.2 });
    expect((await warned).message).toMatch(/The shard waits for the next attempt/);
    await fs.rm(join(directory, 'staging'));
    expect((await working).ownShards).toBe(shards);
    await expectWhole();
  });
});

describe('verifyCodes', () => {
  it('finds damaged shards, which are made anew', async () => {
    await work();
    const file = join(directory, name(0, 7));
    const bytes = await fs.readFile(file);
    bytes[bytes.length - 3]! ^= 1;
    await fs.writeFile(file, bytes);
    await fs.copyFile(join(directory, name(1, 1)), join(directory, name(1, 2)));
    await fs.writeFile(join(directory, 'finished', '000-00009.json'), '{');
    await fs.copyFile(file, join(directory, name(2, 0)));
    const found = await verifyCodes(directory, { repair: true });
    expect(found).toMatchObject({ isComplete: false, intact: shards - 3, unplanned: [name(2, 0)] });
    expect(found.damaged).toEqual([
      { shard: name(0, 7), reason: expect.stringMatching(/^its SHA-256 is .*, not /) as string },
      { shard: name(0, 9), reason: 'its record cannot be read' },
      { shard: name(1, 2), reason: expect.stringMatching(/^its SHA-256 is .*, not /) as string },
    ]);
    const damaged = found.damaged.map(({ shard }) => shard);
    expect(await verifyCodes(directory)).toMatchObject({ missing: damaged, damaged: [], unplanned: [] });
    expect((await work()).ownShards).toBe(3);
    await expectWhole();
  });

  it('finds images that are in the wrong shard, whatever its record says', async () => {
    await work();
    await fs.copyFile(join(directory, name(1, 1)), join(directory, name(1, 2)));
    const record = await fs.readFile(join(directory, 'finished', '001-00001.json'), 'utf8');
    await fs.writeFile(join(directory, 'finished', '001-00002.json'), record.replace('001-00001', '001-00002'));
    const { damaged, intact } = await verifyCodes(directory);
    expect(intact).toBe(shards - 1);
    expect(damaged).toEqual([
      { shard: name(1, 2), reason: expect.stringMatching(/^image 1 is not in \[2, 3\)/) as string },
    ]);
  });

  it('counts images that could not be used, and finds one that one view has and the other has not', async () => {
    const without = (unusable: (position: number) => boolean) => (startAt: number) => {
      const batches = tinyImageBatches(startAt, 2);
      let position = startAt;
      const next = async () => {
        const batch = await batches.next();
        // As createBatches with lastBatch 'pad' has it: the images that are left move up.
        if (!unusable(position++)) return batch;
        batch.indices!.copyWithin(0, 1);
        return { ...batch, count: 1 };
      };
      return { ...batches, next, close: () => batches.close() };
    };
    const options = { openBatches: without((position) => position % 5 === 3) };
    expect(await work(options)).toMatchObject({ images: imageCount - 1, leftOut: 1 });
    expect(await verifyCodes(directory)).toMatchObject({ isComplete: true, leftOut: 2, images: imageCount });
    directory = `${directory}-other`;
    await work({ openBatches: without((position) => position === 3) });
    expect(await verifyCodes(directory)).toMatchObject({
      isComplete: false,
      damaged: [{ shard: name(0, 3), reason: 'it has fewer images than the same shard of another view' }],
    });
  });

  it('refuses a folder without a plan', async () => {
    await expect(verifyCodes(join(folder, 'alone'))).rejects.toThrow(/a folder with a plan\.json, got none.*openCodes/);
  });
});

describe('Claims', () => {
  /** The claim of a worker elsewhere. */
  async function claimElsewhere(shard: string, beat = '1'): Promise<void> {
    await fs.mkdir(directory, { recursive: true });
    const holder = { id: 'x', machine: 'elsewhere', pid: 1, host: 'elsewhere', since: '', started: null, beat };
    await fs.writeFile(join(directory, `${shard}.1`), JSON.stringify(holder));
  }
  const abandoned = (claims: Claims, open = new Set(['a', 'b'])) => claims.takeAbandoned(open);

  it('takes over what stands still, in one of many workers, and leaves what changes', async () => {
    await claimElsewhere('a');
    await claimElsewhere('b');
    const workers = Array.from({ length: 6 }, () => new Claims(directory, 0.2));
    const taken: string[] = [];
    const open = new Set(['a', 'b']);
    for (let look = 0; look < 30; look++) {
      await claimElsewhere('b', String(look));
      const all = await Promise.all(workers.map((each) => abandoned(each, open)));
      for (const got of all) if (got) taken.push(got.claim.shard);
      if (taken.length > 0) open.delete('a');
      await setTimeout(20);
    }
    expect(taken).toEqual(['a']);
    expect((await fs.readdir(directory)).sort()).toEqual(['a.2', 'b.1']);
  });

  it('takes over a claim that a crash cut short', async () => {
    await fs.mkdir(directory);
    await fs.writeFile(join(directory, 'a.1'), '');
    const claims = new Claims(directory, 0.1);
    const taken = await vi.waitUntil(() => abandoned(claims), { timeout: 10_000, interval: 10 });
    expect(taken).toMatchObject({ claim: { shard: 'a' }, from: 'a worker without a name' });
    await taken.claim.release();
    expect(await fs.readdir(directory)).toEqual([]);
  });

  it('does not count the time in which it did not look', async () => {
    await claimElsewhere('a');
    const claims = new Claims(directory, 0.4);
    expect(await abandoned(claims)).toBeUndefined();
    await setTimeout(600);
    expect(await abandoned(claims)).toBeUndefined();
  });

  it('notices that its claim was taken over, and leaves that of the other alone', async () => {
    const claims = new Claims(directory, 60);
    const claim = (await claims.takeFree(['a']))!;
    expect(await claims.takeFree(['a'])).toBeUndefined();
    expect(await claim.isLost()).toBe(false);
    await claimElsewhere('a');
    expect(await claim.isLost()).toBe(true);
    await claim.release();
    expect(await fs.readdir(directory)).toEqual(['a.1']);
  });
});

/** As many images of the same size, which are others. */
function other(startAt: number) {
  const batches = tinyImageBatches(startAt, 1);
  return { ...batches, fingerprint: 'others', next: () => batches.next(), close: () => batches.close() };
}
