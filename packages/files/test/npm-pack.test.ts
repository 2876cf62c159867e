import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { npmPack, type PackFetcher } from '../src/npm-pack.js';

describe.skipIf(process.platform === 'win32')('npmPack', () => {
  /** Puts a shell script named npm in a folder first on the path, for the time of `work`. */
  async function withNpm(folder: string, script: string, work: (directory: string) => Promise<void>): Promise<void> {
    const directory = join(folder, 'temporary');
    await mkdir(directory);
    await writeFile(join(folder, 'npm'), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, 'npm'), 0o755);
    const { PATH, npm_execpath: running } = process.env;
    process.env.PATH = folder + delimiter + PATH;
    delete process.env.npm_execpath;
    try {
      await work(directory);
    } finally {
      process.env.PATH = PATH;
      if (running) process.env.npm_execpath = running;
    }
  }
  const request = (
    directory: string,
    onBytes: (bytes: number) => void = () => undefined,
  ): Parameters<PackFetcher>[0] => ({ packageSpec: 'made-up@1.0.0', directory, onBytes, signal: undefined });

  it('asks npm for the archive and watches its cache grow', async ({ temporaryFolder }) => {
    const script =
      'mkdir -p "$6" && printf 12345 > "$6/piece" && sleep 0.6 && echo archive > "$4/made-up-1.0.0.tgz"; echo "$@" > "$4/arguments"';
    await withNpm(temporaryFolder, script, async (directory) => {
      const seen: number[] = [];
      expect(await npmPack(request(directory, (bytes) => seen.push(bytes)))).toBe(join(directory, 'made-up-1.0.0.tgz'));
      expect(seen).toContain(5);
      expect(await readFile(join(directory, 'arguments'), 'utf8')).toMatch(/^pack made-up@1\.0\.0 --pack-destination /);
      expect((await readdir(directory)).sort()).toEqual(['arguments', 'made-up-1.0.0.tgz']);
    });
  });

  it("passes on npm's own words when it fails", async ({ temporaryFolder }) => {
    await withNpm(
      temporaryFolder,
      'echo "npm error code E404" >&2; echo "npm error A complete log of this run can be found in: /x" >&2; exit 1',
      async (directory) => {
        await expect(npmPack(request(directory))).rejects.toThrow(/^npm pack ended with code 1: code E404$/);
      },
    );
  });

  it('says when npm writes nothing', async ({ temporaryFolder }) => {
    await withNpm(temporaryFolder, 'exit 0', async (directory) => {
      await expect(npmPack(request(directory))).rejects.toThrow('npm pack made-up@1.0.0 wrote no archive');
    });
  });
});
